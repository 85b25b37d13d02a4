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

// file is a manifest file with what it says.
type file struct {
	path     string
	stamp    stamp
	text     []byte // as last read, nil if it could not be
	entries  []*entry
	problems []Problem
	// sound: the entries come from a text without broken documents, so that they are worth keeping.
	sound bool
}

// entry is an object in a file.
type entry struct {
	key  kobj.Key // as it is written
	path string
	doc  *document
	at   string // path of the object within the document: "", or items[3] of a List
	// objects is what the entry stands for: itself, or the EndpointSlices of an Endpoints.
	// None if it is refused; what it last stood for is kept then.
	objects []store.Change
	refused bool
}

// line is the line of a field of the object, or of what there is nearest to it.
func (e *entry) line(field string) int { return e.doc.line(join(e.at, field)) }

func join(at, field string) string {
	if at == "" || field == "" {
		return at + field
	}
	return at + "." + field
}

// reload reads a file again. Without a change of its text, or of the reason why it cannot be read, old comes back.
func reload(f found, old *file) *file {
	if old == nil {
		old = &file{path: f.path}
	}
	text, growing, why := read(f.path)
	switch {
	case growing && len(old.entries) > 0:
		return old // the end of the writing is a change that is seen
	case why != "":
		return old.keep(f, nil, Problem{File: f.path, Message: why})
	case old.text != nil && bytes.Equal(text, old.text):
		old.stamp = f.stamp
		return old
	case len(text) == 0 && len(old.entries) > 0:
		return old.keep(f, text, Problem{File: f.path, Message: "The file is empty."})
	}
	next := parse(f.path, text)
	next.stamp = f.stamp
	if !next.sound && old.sound && len(old.entries) > 0 {
		return old.keep(f, text, next.problems...)
	}
	return next
}

// keep is a new state of the file with the objects that it had.
func (old *file) keep(f found, text []byte, why ...Problem) *file {
	if len(old.entries) > 0 {
		why = append(why, Problem{File: f.path, Message: fmt.Sprintf("The %d objects that the file last had stay as they were.", len(old.entries))})
	}
	return &file{path: f.path, stamp: f.stamp, text: text, entries: old.entries, problems: why, sound: old.sound}
}

// read is the text of a file and whether it is being written to, or why there is no text, as a sentence.
func read(path string) (text []byte, growing bool, why string) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Sprintf("The file cannot be read: %s.", cause(err))
	}
	defer func() { _ = f.Close() }() // nothing was written
	text, err = io.ReadAll(io.LimitReader(f, maxFileSize+1))
	switch {
	case err != nil:
		return nil, false, fmt.Sprintf("The file cannot be read: %s.", cause(err))
	case len(text) > maxFileSize:
		return nil, false, fmt.Sprintf("The file is larger than %d MiB.", maxFileSize>>20)
	}
	info, err := f.Stat()
	return text, err == nil && info.Size() != int64(len(text)), ""
}

// cause is the text of a file system error without the operation and the path, which the reader knows.
func cause(err error) string {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	return err.Error()
}
