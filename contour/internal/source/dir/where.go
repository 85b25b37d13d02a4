package dir

import "contour.example/contour/internal/kobj"

// Where knows where objects and their fields are written. It is safe for use by several goroutines.
type Where struct{ entries map[kobj.Key]*entry }

// Position is a place in a file.
type Position struct {
	File string
	Line int
}

// Position is where a field of an object is written, such as spec.routes[2].conditions[0].prefix or
// metadata.annotations[example.com/x]; if it is not there, the nearest thing above it; for "" the object.
// It reports whether the object is in any file.
func (w Where) Position(k kobj.Key, field string) (Position, bool) {
	e, ok := w.entries[k]
	if !ok {
		return Position{}, false
	}
	return Position{File: e.path, Line: e.line(field)}, true
}
