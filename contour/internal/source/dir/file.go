package dir

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// file is a manifest file with its contents.
type file struct {
	path     string
	stamp    stamp
	text     []byte // as last read, nil if reading failed
	entries  []*entry
	problems []Problem
	// wellFormed: the text has no malformed documents, so that the entries are complete.
	wellFormed bool
}

// entry is an object in a file.
type entry struct {
	key  kobj.Key // as written
	path string
	doc  *document
	at   string // path of the object within the document: "", or items[3] of a List
	// objects is the object itself, or the EndpointSlices of an Endpoints; none if the entry is invalid, whose last valid
	// version remains in use.
	objects []store.Change
	invalid bool
}

// line returns the line of a field of the object, or of its nearest parent that exists.
func (e *entry) line(field string) int { return e.doc.line(join(e.at, field)) }

func join(at, field string) string {
	if at == "" || field == "" {
		return at + field
	}
	return at + "." + field
}

// reload reads a file again. It returns old if neither its text nor the error of reading changed.
func reload(f stamped, old *file) *file {
	if old == nil {
		old = &file{path: f.path}
	}
	text, growing, failure := read(f.path)
	switch {
	case growing && len(old.entries) > 0:
		return old // the end of the writing is another change
	case failure != "":
		return old.keep(f, nil, Problem{File: f.path, Message: failure})
	case old.text != nil && bytes.Equal(text, old.text):
		old.stamp = f.stamp
		return old
	case len(text) == 0 && len(old.entries) > 0:
		return old.keep(f, text, Problem{File: f.path, Message: "The file is empty."})
	}
	next := parse(f.path, text)
	next.stamp = f.stamp
	if !next.wellFormed && old.wellFormed && len(old.entries) > 0 {
		return old.keep(f, text, next.problems...)
	}
	return next
}

// keep returns a new state of the file with its former objects.
func (old *file) keep(f stamped, text []byte, problems ...Problem) *file {
	if len(old.entries) > 0 {
		problems = append(problems, Problem{File: f.path, Message: fmt.Sprintf("The %d objects of the last valid version of the file remain in use.", len(old.entries))})
	}
	return &file{path: f.path, stamp: f.stamp, text: text, entries: old.entries, problems: problems, wellFormed: old.wellFormed}
}

// read returns the text of a file and whether it is being written, or the reason of the failure, as a sentence.
func read(path string) (text []byte, growing bool, failure string) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Sprintf("The file cannot be read: %s.", cause(err))
	}
	defer func() { _ = f.Close() }() // nothing was written
	if text, failure = readAll(f); failure != "" {
		return nil, false, failure
	}
	info, err := f.Stat()
	return text, err == nil && info.Size() != int64(len(text)), ""
}

func readAll(r io.Reader) (text []byte, failure string) {
	text, err := io.ReadAll(io.LimitReader(r, maxFileSize+1))
	switch {
	case err != nil:
		return nil, fmt.Sprintf("The file cannot be read: %s.", cause(err))
	case len(text) > maxFileSize:
		return nil, fmt.Sprintf("The file is larger than %d MiB.", maxFileSize>>20)
	}
	return text, ""
}

// cause returns the text of a file system error without the operation and the path.
func cause(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return err.Error()
}
