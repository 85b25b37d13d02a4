package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/bench"
	"contour.example/harness/bench/result"
)

// latency is a measure of an edit.
func latency(p50, p99 float64) result.Measure {
	return result.Measure{
		Scenario: "edit", Name: "edit seen by a request", Unit: "ms", Value: p50,
		Spread: &result.Spread{P99: p99, Max: p99, Samples: 9}, Range: &result.Range{Low: p50 - 1, High: p50 + 1, Runs: 3},
	}
}

func single(scenario, name string, v float64) result.Measure {
	return result.Measure{Scenario: scenario, Name: name, Unit: "kB", Value: v}
}

func ours() result.Report {
	return result.Report{
		Name: "ours <1>", Date: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Versions: map[string]string{"envoy": "1.40.0"},
		Runs: []result.Size{
			{N: 1000, Measures: []result.Measure{latency(10, 20), single("edit", "bytes", 5), single("idle", "bytes", 0)}},
			{N: 25000, Measures: []result.Measure{latency(12, 40), single("edit", "bytes", 6), single("idle", "bytes", 0)}},
		},
	}
}

func theirs() *result.Report {
	return &result.Report{
		Name: "theirs", Runs: []result.Size{
			{N: 1000, Measures: []result.Measure{latency(200, 300)}},
			{N: 10000, Measures: []result.Measure{latency(1000, 2000), {Scenario: "edit", Name: "failed", Error: "no answer"}}},
		},
	}
}

func write(t *testing.T, r result.Report, other *result.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, r, other); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A scenario with cases has a table of them, with what each exceeds.
func TestCasesAreATable(t *testing.T) {
	t.Parallel()
	r := result.Report{Runs: []result.Size{{N: 1000, Measures: []result.Measure{
		single("hostile", "flips: edit", 5), {Scenario: "hostile", Name: "flips: bounds exceeded", Value: 1, Detail: "edit p99 60ms > 50ms"},
	}}}}
	page := write(t, r, nil)
	for _, want := range []string{"<tr><td>flips</td><td>5</td><td>n/a</td>", "<td>1</td><td class=\"detail\">edit p99 60ms &gt; 50ms</td></tr>"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the page", want)
		}
	}
}

// The page is well-formed for a lenient XML reader, and refers to nothing outside of itself.
func TestPageHasNoDependencies(t *testing.T) {
	t.Parallel()
	page := write(t, ours(), theirs())
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, []string{"meta"}, xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range element.Attr {
			if a.Name.Local == "src" || a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#") {
				t.Errorf("%s refers to another document: %s", element.Name.Local, a.Value)
			}
		}
		if element.Name.Local == "script" || element.Name.Local == "link" {
			t.Errorf("there is a %s", element.Name.Local)
		}
	}
	if strings.Contains(page, "ours <1>") || !strings.Contains(page, "ours &lt;1&gt;") {
		t.Error("the name is not escaped")
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "ZgotmplZ") {
		t.Error("a value could not be written")
	}
	if page != write(t, ours(), theirs()) {
		t.Error("the same reports produce another page")
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	v := describe(ours(), theirs())
	if len(v.Sections) != 3 || v.Sections[1].Name != "edit" || v.Sections[2].Name != "idle" {
		t.Fatalf("sections %+v", v.Sections)
	}
	if rows := v.Sections[0].Rows; len(rows) != 1 || rows[0].Name != "edit: edit seen by a request" || len(rows[0].Cells) != 4 {
		t.Errorf("summary %+v", rows)
	}
	edit := v.Sections[1]
	columns := []column{{"1,000", "a"}, {"25,000", "a"}, {"1,000", "b"}, {"10,000", "b"}}
	if diff := cmp.Diff(columns, edit.Columns); diff != "" {
		t.Error(diff)
	}
	var cells []string
	for _, c := range append(edit.Rows[0].Cells, edit.Rows[1].Cells...) {
		cells = append(cells, c.Text)
	}
	if diff := cmp.Diff([]string{"10 / 20", "12 / 40", "200 / 300", "1000 / 2000", "5", "6", "n/a", "n/a"}, cells); diff != "" {
		t.Error(diff)
	}
	if got := edit.Rows[0].Cells[0].Range; got != "9 to 11 in 3 runs" {
		t.Errorf("range %q", got)
	}
	if diff := cmp.Diff([]string{"theirs, N = 10,000: no answer"}, edit.Failures); diff != "" {
		t.Error(diff)
	}
	if n := len(v.Sections[2].Plots); n != 0 {
		t.Errorf("%d plots of what is always 0", n)
	}
}

// A line for the median and one for the tail of each report, at the positions of the axes.
func TestPlot(t *testing.T) {
	t.Parallel()
	p := describe(ours(), theirs()).Sections[1].Plots[0]
	var classes, dots []string
	for _, l := range p.Lines {
		classes = append(classes, l.Class)
		for _, d := range l.Dots {
			dots = append(dots, d.Text)
		}
	}
	if diff := cmp.Diff([]string{"a", "a tail", "b", "b tail"}, classes); diff != "" {
		t.Error(diff)
	}
	if dots[0] != "ours <1>, p50, N = 1,000: 10 ms" {
		t.Errorf("dot %q", dots[0])
	}
	first, last := p.Lines[0].Dots[0], p.Lines[0].Dots[1]
	if first.X != left || last.X != right {
		t.Errorf("line from %v to %v, want %v to %v", first.X, last.X, left, right)
	}
	if diff := cmp.Diff([]string{"1,000", "10,000", "25,000"}, ticks(p.X)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10", "100", "1000", "10k"}, ticks(p.Y)); diff != "" {
		t.Error(diff)
	}
	if first.Y != bottom { // 10 ms is the lowest power of ten
		t.Errorf("10 ms is at %v, want %v", first.Y, bottom)
	}
	bytes := describe(ours(), nil).Sections[1].Plots[1]
	if diff := cmp.Diff([]string{"0", "2", "4", "6"}, ticks(bytes.Y)); diff != "" {
		t.Error(diff)
	}
}

func ticks(of []tick) (texts []string) {
	for _, t := range of {
		texts = append(texts, t.Text)
	}
	return texts
}

func TestEveryScenarioIsExplained(t *testing.T) {
	t.Parallel()
	for _, name := range bench.Scenarios() {
		if about(name) == "" {
			t.Errorf("no description of %s", name)
		}
	}
	if got := about("unknown"); got != "" {
		t.Errorf("unknown: %s", got)
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{7: "7", 300: "300", 1000: "1,000", 25000: "25,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}
