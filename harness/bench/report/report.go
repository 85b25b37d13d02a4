// Package report draws the results of a benchmark as one HTML page.
//
// It takes a result.Report, and optionally a second one to compare with, and writes a page without dependencies: no script,
// no font, no other file. Each measure is a plot over the number of objects (on a logarithmic axis) and a row of a table.
// The package is pure: the same reports give the same bytes.
package report

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"contour.example/harness/bench/result"
)

//go:embed page.html
var page embed.FS

// Write writes the page; other is nil if there is nothing to compare with.
func Write(w io.Writer, r result.Report, other *result.Report) error {
	t, err := template.ParseFS(page, "page.html")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if err := t.Execute(w, describe(r, other)); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// view is all that the page shows.
type view struct {
	Title    string
	Subjects []subject
	Sections []section
	Compared bool
}

// subject is one report.
type subject struct {
	Name, Class, Date, Machine, Versions, Parameters, Note string
}

// section is one scenario.
type section struct {
	Name, About string
	Plots       []plot
	Columns     []column
	Rows        []row
	Cases       []cases
	Failures    []string
}

// cases are those of one size of one report.
type cases struct {
	column
	Headings []string
	Rows     []result.Case
}

// column is one size of one report.
type column struct{ Name, Class string }

// row is one measure.
type row struct {
	Name, Unit string
	Cells      []cell
}

// cell is the value of one measure in one column; Range is empty unless it is a median of runs.
type cell struct{ Text, Range, Class string }

// measured is a report and how it is drawn.
type measured struct {
	result.Report
	name, class string
}

func describe(r result.Report, other *result.Report) view {
	all := []measured{{r, nameOf(r, "this run"), "a"}}
	reports := []result.Report{r}
	if other != nil {
		all, reports = append(all, measured{*other, nameOf(*other, "the other run"), "b"}), append(reports, *other)
	}
	v := view{Title: "Benchmark of " + all[0].name, Compared: other != nil}
	for _, m := range all {
		v.Subjects = append(v.Subjects, m.subject())
	}
	keys := result.Keys(reports...)
	v.Sections = append(v.Sections, summary(keys, all))
	for len(keys) > 0 {
		n := slices.IndexFunc(keys, func(k result.Key) bool { return k.Scenario != keys[0].Scenario })
		if n < 0 {
			n = len(keys)
		}
		v.Sections = append(v.Sections, scenario(keys[:n], all))
		keys = keys[n:]
	}
	return v
}

func nameOf(r result.Report, fallback string) string {
	for _, name := range []string{r.Name, r.Versions["controller"]} {
		if name != "" {
			return name
		}
	}
	return fallback
}

func (m measured) subject() subject {
	machine := m.Machine
	return subject{
		Name: m.name, Class: m.class, Date: m.Date.Format("2 January 2006, 15:04 MST"),
		Machine: fmt.Sprintf("%d cores of %s, %d MiB, %s, Linux %s",
			machine.Cores, machine.CPU, machine.MemoryMiB, machine.Arch, machine.Kernel),
		Versions: pairs(m.Versions), Parameters: pairs(m.Parameters), Note: m.Note,
	}
}

// pairs is "name value, name value".
func pairs(values map[string]string) string {
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		texts = append(texts, name+" "+values[name])
	}
	return strings.Join(texts, "; ")
}

// scenario is the section of keys that have all the same scenario.
func scenario(keys []result.Key, all []measured) section {
	name := keys[0].Scenario
	s := section{Name: name, About: about(name), Columns: columns(all)}
	for _, m := range all {
		for _, size := range m.Runs {
			s.Failures = append(s.Failures, failures(m, size, name)...)
			figures, headings := result.Figures(name)
			if found := size.Cases(name, figures); len(found) > 0 {
				s.Cases = append(s.Cases, cases{column{thousands(size.N), m.class}, headings, found})
			}
		}
	}
	for _, k := range keys {
		s.Rows = append(s.Rows, tableRow(k, all))
		if p, ok := draw(k, all); ok {
			s.Plots = append(s.Plots, p)
		}
	}
	return s
}

func failures(m measured, size result.Size, scenario string) []string {
	var texts []string
	for _, one := range size.Measures {
		if one.Scenario == scenario && one.Error != "" {
			texts = append(texts, fmt.Sprintf("%s, N = %s: %s", m.name, thousands(size.N), one.Error))
		}
	}
	return texts
}

func tableRow(k result.Key, all []measured) row {
	r := row{Name: k.Name}
	for _, m := range all {
		if unit := m.Unit(k); unit != "" {
			r.Unit = unit
		}
		for _, size := range m.Runs {
			found := size.Find(k)
			c := cell{Text: result.Cell(found), Class: m.class}
			if found != nil && found.Range != nil {
				c.Range = fmt.Sprintf("%s to %s in %d runs", result.Number(found.Range.Low), result.Number(found.Range.High), found.Range.Runs)
			}
			r.Cells = append(r.Cells, c)
		}
	}
	return r
}

// thousands writes 25000 as 25,000.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
