// Package dir reads a directory of Kubernetes manifests and turns it into batches of object changes.
//
// In: a directory with files of YAML and JSON, in any number of documents, Lists included. Out: Batches, first one
// with everything and then one after each change, with what is wrong in the files and where each field is written.
//
// A mistake stays where it is. A file that cannot be parsed, and an object of which something has the wrong type,
// keep what they last said; a field that does not exist is told and ignored. Objects get the defaults that an
// API server would give them, and the namespace "default". Of two objects with the same name the one in the
// first file, by path, counts. Endpoints become EndpointSlices. Kinds that the controller does not read are skipped.
//
// It must not judge what objects mean.
package dir

import (
	"cmp"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Problem is something wrong with a file.
type Problem struct {
	File    string
	Line    int      // 0 for the file as a whole
	Object  kobj.Key // zero if unknown
	Field   string   // path of a field, such as spec.routes[2].conditions; "" if it is not about one
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

// Batch is what changed in a directory, and what is to be said about all of it.
type Batch struct {
	Changes  []store.Change // one for each object that is not as in the former batch, by key
	Problems []Problem      // all that there are now, sorted
	Where    Where          // of all objects
}

// The bounds of a directory.
const (
	maxFiles    = 10_000
	maxFileSize = 16 << 20 // bytes
	maxDepth    = 16       // of directories
	maxProblems = 1000
)

// Load reads a directory once. The error is about the directory itself.
func Load(root string) (Batch, error) {
	d := newDirectory(root)
	if _, err := d.refresh(nil); err != nil {
		return Batch{}, err
	}
	return d.batch(), nil
}
