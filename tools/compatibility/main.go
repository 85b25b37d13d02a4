// Command compatibility writes docs/compatibility.md: what of Contour's documented behavior this controller has, line by line,
// with the test that proves it.
//
//	compatibility REPOSITORY     reads REPOSITORY/tools/compatibility/lines.tsv
//
// It fails if a line has an answer without a proof, or if a proof does not exist: so a test that is renamed or removed takes
// its line with it. It does not run the tests.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compatibility REPOSITORY")
		os.Exit(2)
	}
	faults, err := run(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compatibility:", err)
		os.Exit(1)
	}
	for _, f := range faults {
		fmt.Fprintln(os.Stderr, f)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// run writes the page, unless there are faults in the lines.
func run(repository string) (faults []string, err error) {
	text, err := os.ReadFile(filepath.Join(repository, "tools", "compatibility", "lines.tsv"))
	if err != nil {
		return nil, err
	}
	lines, faults := parse(string(text))
	known := proofs{repository: repository}
	for _, l := range lines {
		for _, fault := range known.check(l) {
			faults = append(faults, fmt.Sprintf("lines.tsv: %s: %s: %s", l.section, l.subject, fault))
		}
	}
	if len(faults) > 0 {
		return faults, nil
	}
	return nil, os.WriteFile(filepath.Join(repository, "docs", "compatibility.md"), []byte(page(lines)), 0o644)
}
