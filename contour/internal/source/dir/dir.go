// Package dir reads a directory of Kubernetes manifests and converts it to batches of object changes.
//
// Its input is a directory with YAML and JSON files of any number of documents, including Lists. Its output is Batches: a
// first one with all objects and one after each change, with the problems of the files and the positions of fields.
//
// An error affects only its own file or object: the last valid version of a file that cannot be parsed, and of an object
// with a value of the wrong type, remains in use; an unknown field is reported and ignored. Objects get the defaults of
// the API server, and the namespace "default". Of two objects with the same name, the one in the first file by path takes
// precedence. Endpoints are converted to EndpointSlices. Kinds that the controller does not read are ignored.
//
// The package does not interpret objects.
package dir

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Problem is an error in a file.
type Problem struct {
	File    string
	Line    int      // 0 for the file as a whole
	Object  kobj.Key // zero if unknown
	Field   string   // path of a field, such as spec.routes[2].conditions; "" for the object as a whole
	Message string   // one sentence
}

// Compare orders problems by file, line, object, field and message.
func (p Problem) Compare(o Problem) int {
	return cmp.Or(
		strings.Compare(p.File, o.File),
		cmp.Compare(p.Line, o.Line),
		p.Object.Compare(o.Object),
		strings.Compare(p.Field, o.Field),
		strings.Compare(p.Message, o.Message),
	)
}

// Batch contains the changes of a directory, and all its problems and positions.
type Batch struct {
	Changes   []store.Change // one for each object that differs from the previous batch, by key
	Problems  []Problem      // all present problems, sorted
	Positions Positions      // of all objects
}

// The limits of a directory.
const (
	maxFiles    = 10_000
	maxFileSize = 16 << 20 // bytes
	maxDepth    = 16       // of directories
	maxProblems = 1000
)

// Load reads files and directories once; the path "-" is stdin. It returns an error if one of them cannot be read, or is a directory without
// files of manifests.
func Load(stdin io.Reader, paths ...string) (Batch, error) {
	d, err := newDirectory(stdin, paths...)
	if err != nil {
		return Batch{}, err
	}
	for _, path := range d.roots {
		if err := d.load(path); err != nil {
			return Batch{}, err
		}
	}
	return d.batch(), nil
}

// load adds a file, or the files of a directory.
func (d *directory) load(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %s", path, cause(err))
	case info.IsDir():
		l, err := scan(path)
		if err == nil && len(l.files) == 0 && len(l.problems) == 0 {
			return fmt.Errorf("%s: there is no file with the extension .yaml, .yml or .json", path)
		}
		for _, f := range l.files {
			d.files[f.path] = reload(f, nil)
		}
		d.problems = append(d.problems, l.problems...)
		return err
	}
	d.files[path] = reload(stamped{path: path, real: path}, nil)
	return nil
}
