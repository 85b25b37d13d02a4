package result

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCases(t *testing.T) {
	t.Parallel()
	s := Size{N: 10, Measures: []Measure{
		{Scenario: "hostile", Name: "a: edit", Value: 3, Spread: &Spread{P99: 5}},
		{Scenario: "hostile", Name: "a: bounds exceeded", Value: 1, Detail: "edit"},
		{Scenario: "hostile", Name: "b: other", Value: 1},
		{Scenario: "edit", Name: "c: edit", Value: 1},
		{Scenario: "hostile", Name: "failed", Error: "why"},
	}}
	want := []Case{{Name: "a", Cells: []string{"3 / 5", Missing, "1"}, Detail: "edit"}}
	if diff := cmp.Diff(want, s.Cases("hostile", []string{"edit", "nothing", "bounds exceeded"})); diff != "" {
		t.Error(diff)
	}
}

// The table has a line for each case, and no line for each of its measures.
func TestTableOfCases(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	WriteTable(&b, Report{Runs: []Size{{N: 10, Measures: []Measure{
		{Scenario: "hostile", Name: "quiet: edit", Value: 3}, {Scenario: "hostile", Name: "quiet: bounds exceeded", Detail: "nothing"},
	}}}})
	if text := b.String(); strings.Count(text, "\nquiet ") != 1 || !strings.Contains(text, "nothing\n") {
		t.Error(text)
	}
	names, headings := Figures("hostile")
	if len(names) != len(headings) {
		t.Errorf("%d figures have %d headings", len(names), len(headings))
	}
	b.Reset()
	WriteCases(&b, Size{}, "edit")
	if b.Len() > 0 {
		t.Error(b.String())
	}
}
