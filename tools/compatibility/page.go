package main

import (
	"fmt"
	"slices"
	"strings"
)

const head = `# Compatibility with Contour

<!-- Generated from tools/compatibility/lines.tsv by make fix-generate. -->

What of the documented behavior of Contour this controller has, line by line, and the test that proves it.

- **yes**: as in Contour.
- **better**: other, deliberately; [differences](differences-from-contour.md) says why.
- **different**: other, see the remark.
- **no**: does not exist.
- unchecked: nobody has compared it since it was last known to differ, or no test proves it.

A proof is a test function with its package, a ` + "`case`" + ` of ` + "`contour/internal/pipeline/testdata`" + `, which runs on a model of Envoy and on Envoy, a ` + "`scenario`" + ` of ` + "`harness/e2e/testdata`" + `, or a test of a ` + "`conformance`" + ` suite.
` + "`make verify-generate`" + ` fails if one does not exist.
A proof shows that the line is as it says; it does not show that every combination with other lines is.
That of a field uses the field, and its expected answers depend on it; what differs for values that are not valid is in [differences](differences-from-contour.md).
That of a setting shows that another value than its default changes the configuration; what that does is shown by the lines of the feature.
The kinds of the Gateway API are not in this table; [Gateway API](gateway-api.md) lists what of them is served.

`

// page renders the lines.
func page(lines []line) string {
	sections, counts := []string{}, map[string]map[string]int{}
	total := map[string]int{}
	for _, l := range lines {
		if counts[l.section] == nil {
			sections, counts[l.section] = append(sections, l.section), map[string]int{}
		}
		counts[l.section][l.answer]++
		total[l.answer]++
	}
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("| | " + strings.Join(answers(), " | ") + " |\n|---" + strings.Repeat("|---", len(answers())) + "|\n")
	for _, s := range sections {
		row(&b, s, counts[s])
	}
	row(&b, fmt.Sprintf("**all (%d)**", len(lines)), total)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n| | answer | proof | remark |\n|---|---|---|---|\n", s)
		for _, l := range lines {
			if l.section == s {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(l.subject), strong(l.answer), quoted(l.proofs), cell(l.remark))
			}
		}
	}
	return b.String()
}

func row(b *strings.Builder, name string, counts map[string]int) {
	fmt.Fprintf(b, "| %s", name)
	for _, a := range answers() {
		fmt.Fprintf(b, " | %d", counts[a])
	}
	b.WriteString(" |\n")
}

// cell returns a text for a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func strong(answer string) string {
	if answer == unchecked {
		return answer
	}
	return "**" + answer + "**"
}

func quoted(proofs []string) string {
	all := slices.Clone(proofs)
	for i, p := range all {
		all[i] = "`" + p + "`"
	}
	return strings.Join(all, ", ")
}
