// Package report contains what is reported to users: diagnostics about objects, and the list
// of objects that were considered.
//
// A Diagnostic is data, not an error: compile returns it, status converts it into
// conditions, the command line prints it with file and line. The constants in
// reason.go document for each reason what the user did and what to do about it.
package report

import (
	"cmp"
	"slices"
	"strings"

	"contour.example/contour/internal/kobj"
)

// Severity is the severity of a diagnostic.
type Severity uint8

// The severities.
const (
	Error   Severity = iota // something that is specified is not served as specified
	Warning                 // it is served, but not entirely as specified
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one error or warning about an object.
type Diagnostic struct {
	Object   kobj.Key
	Severity Severity
	// Type is the type of the sub-condition that it belongs to in the object's status.
	Type Type
	// Reason is the machine-readable reason.
	Reason Reason
	// Field is the path of the invalid field, such as spec.routes[2].conditions[0].prefix; "" for the object as a whole.
	Field string
	// Message is one sentence that names the bad value.
	Message string
}

// Compare orders diagnostics by object, severity, field, type, reason and message. Numbers in fields compare as numbers.
func (d Diagnostic) Compare(o Diagnostic) int {
	return cmp.Or(
		d.Object.Compare(o.Object),
		cmp.Compare(d.Severity, o.Severity),
		compareField(d.Field, o.Field),
		strings.Compare(string(d.Type), string(o.Type)),
		strings.Compare(string(d.Reason), string(o.Reason)),
		strings.Compare(d.Message, o.Message),
	)
}

// compareField orders field paths so that routes[2] comes before routes[10].
func compareField(a, b string) int {
	for a != "" && b != "" {
		na, ra := leadingNumber(a)
		nb, rb := leadingNumber(b)
		switch {
		case na != "" && nb != "":
			if c := cmp.Or(cmp.Compare(len(na), len(nb)), strings.Compare(na, nb)); c != 0 {
				return c
			}
			a, b = ra, rb
		case a[0] != b[0]:
			return cmp.Compare(a[0], b[0])
		default:
			a, b = a[1:], b[1:]
		}
	}
	return cmp.Compare(len(a), len(b))
}

func leadingNumber(s string) (number, rest string) {
	i := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:]
}

// Report is the result of one derivation for users. Both lists are sorted and without duplicates once Seal was called.
type Report struct {
	Visited     []kobj.Key // the objects that were considered, valid or not
	Diagnostics []Diagnostic
}

// Visit records that an object was considered.
func (r *Report) Visit(k kobj.Key) { r.Visited = append(r.Visited, k) }

// Add records a diagnostic.
func (r *Report) Add(d ...Diagnostic) { r.Diagnostics = append(r.Diagnostics, d...) }

// Merge adds the contents of another report.
func (r *Report) Merge(o Report) {
	r.Visited = append(r.Visited, o.Visited...)
	r.Diagnostics = append(r.Diagnostics, o.Diagnostics...)
}

// Seal sorts both lists and drops duplicates, so that equal reports are equal values.
func (r *Report) Seal() {
	r.Visited = kobj.Sort(r.Visited)
	slices.SortFunc(r.Diagnostics, Diagnostic.Compare)
	r.Diagnostics = slices.Compact(r.Diagnostics)
}

// Considers reports whether an object was considered. The report is sealed.
func (r *Report) Considers(k kobj.Key) bool {
	_, ok := slices.BinarySearchFunc(r.Visited, k, kobj.Key.Compare)
	return ok
}

// Of returns the diagnostics of one object.
func (r *Report) Of(k kobj.Key) []Diagnostic {
	lo, _ := slices.BinarySearchFunc(r.Diagnostics, k, func(d Diagnostic, k kobj.Key) int { return d.Object.Compare(k) })
	hi := lo
	for hi < len(r.Diagnostics) && r.Diagnostics[hi].Object == k {
		hi++
	}
	return r.Diagnostics[lo:hi]
}
