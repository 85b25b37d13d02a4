package main

import (
	"fmt"
	"slices"
	"strings"
)

// The answers to whether a line of Contour's behavior is that of this controller.
const (
	yes       = "yes"       // as in Contour
	better    = "better"    // differs, deliberately
	different = "different" // differs, see the remark
	no        = "no"        // does not exist
	unchecked = "unchecked" // nobody has compared it
)

func answers() []string { return []string{yes, better, different, no, unchecked} }

// line is one line of Contour's behavior.
type line struct {
	section, subject string
	answer           string
	proofs           []string // see proofs
	remark           string
}

// parse reads the lines: section, subject, answer, proofs separated by "; ", remark. Columns are separated by tabs.
func parse(text string) (lines []line, faults []string) {
	seen := map[string]bool{}
	for i, row := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(row, "#") {
			continue
		}
		columns := strings.Split(row, "\t")
		if len(columns) != 5 {
			faults = append(faults, fmt.Sprintf("lines.tsv:%d: %d columns, want 5", i+1, len(columns)))
			continue
		}
		l := line{section: columns[0], subject: columns[1], answer: columns[2], remark: columns[4]}
		if columns[3] != "" {
			l.proofs = strings.Split(columns[3], "; ")
		}
		key := l.section + "\t" + l.subject
		switch {
		case l.section == "" || l.subject == "":
			faults = append(faults, fmt.Sprintf("lines.tsv:%d: no section or subject", i+1))
		case seen[key]:
			faults = append(faults, fmt.Sprintf("lines.tsv:%d: %s is there twice", i+1, l.subject))
		case !slices.Contains(answers(), l.answer):
			faults = append(faults, fmt.Sprintf("lines.tsv:%d: answer %q is not one of %s", i+1, l.answer, strings.Join(answers(), ", ")))
		}
		seen[key] = true
		lines = append(lines, l)
	}
	return lines, faults
}
