package result

import (
	"fmt"
	"io"
	"strings"
)

// Case is a part of a scenario with the same figures as others. The names of its measures begin with its own name, as in "CASE: FIGURE".
type Case struct {
	Name  string
	Cells []string // by figure; Missing if it was not measured
	// Detail of the last figure.
	Detail string
}

// Cases are those of a scenario that have one of the figures, in the order in which they were measured.
func (s Size) Cases(scenario string, figures []string) (cases []Case) {
	index := map[string]int{}
	for _, m := range s.Measures {
		name, figure, ok := strings.Cut(m.Name, ": ")
		if m.Scenario != scenario || m.Error != "" || !ok {
			continue
		}
		for i, f := range figures {
			if f != figure {
				continue
			}
			at, known := index[name]
			if !known {
				at = len(cases)
				index[name] = at
				cases = append(cases, newCase(name, len(figures)))
			}
			cases[at].Cells[i] = Cell(&m)
			if i == len(figures)-1 {
				cases[at].Detail = m.Detail
			}
		}
	}
	return cases
}

func newCase(name string, figures int) Case {
	c := Case{Name: name, Cells: make([]string, figures)}
	for i := range c.Cells {
		c.Cells[i] = Missing
	}
	return c
}

// Figures are those of scenarios with cases, in the order to read them, with the words above their columns; the detail of the last one explains it.
func Figures(scenario string) (names, headings []string) {
	if scenario != "hostile" {
		return nil, nil
	}
	for _, f := range [][2]string{
		{"edit", "edit ms"},
		{"edits late or missed", "late"},
		{"request", "request ms"},
		{"request p99 to quiet", "x quiet"},
		{"TLS request p99 to quiet", "TLS x quiet"},
		{"requests failed", "failed"},
		{"controller CPU", "ctrl CPU ms"},
		{"Envoy CPU", "Envoy CPU ms"},
		{"controller allocated, highest", "ctrl MiB"},
		{"Envoy allocated, highest", "Envoy MiB"},
		{"Envoy allocated, after", "after"},
		{"bounds exceeded", "exceeded"},
	} {
		names, headings = append(names, f[0]), append(headings, f[1])
	}
	return names, headings
}

// WriteCases writes the cases of a scenario, a line for each; nothing if it has none.
func WriteCases(w io.Writer, s Size, scenario string) {
	names, headings := Figures(scenario)
	cases := s.Cases(scenario, names)
	if len(cases) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%-17s", scenario)
	for _, heading := range headings {
		fmt.Fprintf(w, " %12s", heading)
	}
	fmt.Fprintf(w, "    N = %d\n", s.N)
	for _, c := range cases {
		fmt.Fprintf(w, "%-17s", c.Name)
		for _, cell := range c.Cells {
			fmt.Fprintf(w, " %12s", cell)
		}
		fmt.Fprintf(w, "  %s\n", c.Detail)
	}
}
