package stagetest

import (
	"errors"
	"fmt"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/source/dir"
	"contour.example/contour/internal/store"
)

// Decode reads manifests as they are given to kubectl, by the decoder of directories. Whatever that reports is an
// error, and so is an object that is there twice.
func Decode(manifests []byte) ([]store.Change, error) {
	objects, problems := dir.Decode(manifests)
	var errs []error
	for _, p := range problems {
		errs = append(errs, fmt.Errorf("line %d: %s %s: %s", p.Line, p.Object, p.Field, p.Message))
	}
	seen := map[kobj.Key]bool{}
	for _, o := range objects {
		if seen[o.Key] {
			errs = append(errs, fmt.Errorf("%s is there twice", o.Key))
		}
		seen[o.Key] = true
	}
	return objects, errors.Join(errs...)
}
