package dir

import (
	"strconv"

	"contour.example/contour/internal/kobj"
)

// Positions contains the positions of objects and their fields. It is safe for concurrent use.
type Positions struct{ entries map[kobj.Key]*entry }

// Position is a line of a file.
type Position struct {
	File string
	Line int // 0: the file as a whole
}

// String is "file:line" as editors read it, or the file.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line)
}

// Position returns the position of a field of an object, such as spec.routes[2].conditions[0].prefix or
// metadata.annotations[example.com/x], or of its nearest parent that exists; for "", of the object. It reports whether
// the object is in any file.
func (p Positions) Position(k kobj.Key, field string) (Position, bool) {
	e, ok := p.entries[k]
	if !ok {
		return Position{}, false
	}
	return Position{File: e.path, Line: e.line(field)}, true
}
