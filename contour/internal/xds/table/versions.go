package table

import (
	"iter"
	"maps"
)

// Versions is versions by resource. The zero value is empty. Its memory is proportional to what it contains.
type Versions struct {
	byType [Route + 1]shrinking
}

// shrinking is versions by name, in a map that is replaced when few of its entries are left: maps do not shrink.
type shrinking struct {
	byName map[string]*Version
	peak   int // maximum number of versions since the map was made
}

// fewVersions is the number of versions up to which the memory of a map does not matter.
const fewVersions = 1024

// Get returns the version of the resource, nil if there is none.
func (vs *Versions) Get(ref Ref) *Version { return vs.byType[ref.Type].byName[ref.Name] }

// Len returns the number of versions of a type.
func (vs *Versions) Len(t Type) int { return len(vs.byType[t].byName) }

// Of iterates over the versions of a type, in no particular order. The caller may delete versions meanwhile.
func (vs *Versions) Of(t Type) iter.Seq[*Version] { return maps.Values(vs.byType[t].byName) }

// Set sets the version of its resource.
func (vs *Versions) Set(v *Version) {
	s := &vs.byType[v.Ref.Type]
	if s.byName == nil {
		s.byName = map[string]*Version{}
	}
	s.byName[v.Ref.Name] = v
	s.peak = max(s.peak, len(s.byName))
}

// Delete deletes the version of the resource, if there is one.
func (vs *Versions) Delete(ref Ref) {
	s := &vs.byType[ref.Type]
	delete(s.byName, ref.Name)
	if n := len(s.byName); s.peak > fewVersions && n < s.peak/8 {
		left := make(map[string]*Version, n)
		maps.Copy(left, s.byName)
		s.byName, s.peak = left, n
	}
}
