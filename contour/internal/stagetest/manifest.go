package stagetest

import (
	"errors"
	"fmt"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
)

// Decode decodes manifests with the decoder of directories. A problem that it reports is an error, and so is an object
// that occurs twice.
func Decode(manifests []byte) ([]store.Change, error) {
	objects, problems := dir.Decode(manifests)
	var errs []error
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("line %d: %s %s: %s", p.Line, p.Object, p.Field, p.Message))
	}
	seen := map[kobj.Key]bool{}
	for _, o := range objects {
		if seen[o.Key] {
			errs = append(errs, fmt.Errorf("%s occurs twice", o.Key))
		}
		seen[o.Key] = true
	}
	return objects, errors.Join(errs...)
}
