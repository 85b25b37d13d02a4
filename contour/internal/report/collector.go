package report

import "contour.example/contour/internal/kobj"

// maxDiagnostics is how many diagnostics about one object a Collector keeps: an object with more of them is no easier to
// correct, and each is larger than the value that it is about.
const maxDiagnostics = 1000

// Collector gathers the report of one derivation: each diagnostic once, and at most maxDiagnostics about an object.
type Collector struct {
	Report
	// Found is the number of diagnostics so far, kept or not.
	Found int

	kept    map[Diagnostic]bool
	about   map[kobj.Key]int // how many are kept
	omitted map[kobj.Key]Severity
}

// Wants reports whether another diagnostic about the object is kept. If not, it counts as found and omitted; the caller
// need not make it.
func (c *Collector) Wants(k kobj.Key, s Severity) bool {
	if c.about[k] < maxDiagnostics {
		return true
	}
	c.Found++
	if c.omitted == nil {
		c.omitted = map[kobj.Key]Severity{}
	}
	if worst, ok := c.omitted[k]; !ok || s < worst {
		c.omitted[k] = s
	}
	return false
}

// Collect adds a diagnostic that Wants accepts.
func (c *Collector) Collect(d Diagnostic) {
	c.Found++
	if c.kept == nil {
		c.kept, c.about = map[Diagnostic]bool{}, map[kobj.Key]int{}
	}
	if c.kept[d] {
		return
	}
	c.kept[d] = true
	c.about[d.Object]++
	c.Add(d)
}

// Finish adds a diagnostic of that type about each object of which diagnostics were omitted, and returns the sealed report.
func (c *Collector) Finish(t Type) Report {
	for k, s := range c.omitted {
		c.Add(Diagnostic{
			Object: k, Severity: s, Type: t, Reason: TooMany, Field: "spec",
			Message: "There are more errors and warnings than those listed.",
		})
	}
	c.Seal()
	return c.Report
}
