package table

import (
	"iter"

	"contour.example/contour/internal/shrinkmap"
)

// Versions is versions by resource. The zero value is empty. Its memory is proportional to what it contains.
type Versions struct {
	byType [Runtime + 1]shrinkmap.Map[string, *Version]
}

// Get returns the version of the resource, nil if there is none.
func (vs *Versions) Get(ref Ref) *Version { return vs.byType[ref.Type].Get(ref.Name) }

// Len returns the number of versions of a type.
func (vs *Versions) Len(t Type) int { return vs.byType[t].Len() }

// Of iterates over the versions of a type, in no particular order. The caller may delete versions meanwhile.
func (vs *Versions) Of(t Type) iter.Seq[*Version] {
	return func(yield func(*Version) bool) {
		for _, v := range vs.byType[t].All() {
			if !yield(v) {
				return
			}
		}
	}
}

// Set sets the version of its resource.
func (vs *Versions) Set(v *Version) { vs.byType[v.Ref.Type].Set(v.Ref.Name, v) }

// Delete deletes the version of the resource, if there is one.
func (vs *Versions) Delete(ref Ref) { vs.byType[ref.Type].Delete(ref.Name) }
