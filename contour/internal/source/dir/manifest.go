package dir

import "contour.example/contour/internal/store"

// Decode reads a text as a file of a directory is read, with the same defaults and problems. Its objects come in the
// order in which they are written.
func Decode(text []byte) ([]store.Change, []Problem) {
	f := parse("manifest.yaml", text)
	var objects []store.Change
	for _, e := range f.entries {
		objects = append(objects, e.objects...)
	}
	return objects, f.problems
}
