package ir

import (
	"slices"
	"testing"
)

func TestItemsOfList(t *testing.T) {
	t.Parallel()
	for _, items := range [][]string{nil, {""}, {"a"}, {"a", "b"}, {"a b", `"`, "\\", "\xff", "\n"}} {
		if got := NewList(items...).Items(); !slices.Equal(got, items) {
			t.Errorf("the items of a list of %q are %q", items, got)
		}
	}
	if NewList("a", "b") == NewList("ab") {
		t.Error("different lists are equal")
	}
}
