package ir

import (
	"slices"
	"testing"
)

func TestListKeepsItsItems(t *testing.T) {
	t.Parallel()
	for _, items := range [][]string{nil, {""}, {"a"}, {"a", "b"}, {"a b", `"`, "\\", "\xff", "\n"}} {
		if got := NewList(items...).Items(); !slices.Equal(got, items) {
			t.Errorf("%q becomes %q", items, got)
		}
	}
	if NewList("a", "b") == NewList("ab") {
		t.Error("two lists are equal")
	}
}
