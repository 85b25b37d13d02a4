package ir

import "unique"

// Interned is a value in the size of a pointer: equal values are equal handles. The zero Interned stands for the zero value.
// It is for settings that few of many values have, and that are part of a comparable type.
type Interned[T comparable] struct{ handle unique.Handle[T] }

// Intern returns the handle of the value.
func Intern[T comparable](v T) Interned[T] {
	var zero T
	if v == zero {
		return Interned[T]{}
	}
	return Interned[T]{unique.Make(v)}
}

// Value returns the value of the handle.
func (i Interned[T]) Value() T {
	if i == (Interned[T]{}) {
		var zero T
		return zero
	}
	return i.handle.Value()
}

// Equal reports whether the values are equal, for package cmp.
func (i Interned[T]) Equal(o Interned[T]) bool { return i == o }
