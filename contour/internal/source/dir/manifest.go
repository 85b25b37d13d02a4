package dir

import "contour.example/contour/internal/store"

// Decode parses a text like a file of a directory, with the same defaults and problems. It returns the objects in the
// order of the text.
func Decode(text []byte) ([]store.Change, []Problem) {
	f := parse("manifest.yaml", text)
	var objects []store.Change
	for _, e := range f.entries {
		objects = append(objects, e.objects...)
	}
	return objects, f.problems
}
