package app

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/dir"
)

type testFlags struct {
	filesFlags

	output string
}

func testCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &testFlags{}
	c := &cobra.Command{
		Use:   "test -f PATH REQUESTS.yaml...",
		Short: "Test that requests get the answers that files say they get.",
		Long: `Send the requests in files to a model of an Envoy for which the controller serves the objects in manifests, and compare the answers with
the expected ones in the files. It needs neither a cluster nor Envoy.

Exit code 3 means that a test has failed.`,
		Example: "  contour test -f examples/quickstart examples/tests/quickstart.yaml\n  contour test -f deploy tests.yaml -o junit >report.xml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := usage(oneOf("output", f.output, "text", "json", "junit", "github"), f.given()); err != nil {
				return err
			}
			var checks []preview.Check
			for _, path := range args {
				of, err := preview.ReadChecks(path)
				if err != nil {
					return err
				}
				checks = append(checks, of...)
			}
			p, err := f.load(c, s, logging)
			if err != nil {
				return err
			}
			var outcomes []preview.Outcome
			for _, check := range checks {
				outcomes = append(outcomes, p.Run(check, time.Now()))
			}
			return f.print(s, outcomes)
		},
	}
	f.add(c.Flags())
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json, junit, or github for annotations of GitHub Actions.")
	return c
}

func (f *testFlags) print(s Streams, outcomes []preview.Outcome) error {
	failed := 0
	for i := range outcomes {
		if len(outcomes[i].Differences) > 0 {
			failed++
		}
	}
	var err error
	switch f.output {
	case "json":
		err = writeJSON(s.Out, outcomesJSON(outcomes))
	case "junit":
		err = writeJUnit(s.Out, "contour test", testCases(outcomes))
	default:
		for i := range outcomes {
			if len(outcomes[i].Differences) > 0 {
				f.printFailure(s.Out, &outcomes[i])
			}
		}
	}
	fmt.Fprintf(s.Err, "%d tests: %d failed\n", len(outcomes), failed)
	if err == nil && failed > 0 {
		return answerNo
	}
	return err
}

func (f *testFlags) printFailure(w io.Writer, o *preview.Outcome) {
	if f.output == "github" {
		text := console.Line(o.Title())
		for _, d := range o.Differences {
			text += "\n" + console.Line(d)
		}
		fmt.Fprintf(w, "::error file=%s,line=%d::%s\n", escapeProperty(o.File), o.Line, escapeData(text))
		return
	}
	fmt.Fprintln(w, console.Line(dir.Position{File: o.File, Line: o.Line}.String(), "failed", o.Title()))
	for _, d := range o.Differences {
		fmt.Fprintln(w, "    "+console.Line(d))
	}
	if o.Verdict != "" {
		fmt.Fprintln(w, "    "+console.Line("the request is "+o.Verdict))
	}
}

func testCases(outcomes []preview.Outcome) []testCase {
	out := make([]testCase, 0, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		c := testCase{Class: o.File, Name: console.Line(o.Title())}
		for _, d := range o.Differences {
			c.Failures = append(c.Failures, junitFailure{Message: console.Line(d), Text: console.Line(dir.Position{File: o.File, Line: o.Line}.String(), o.Verdict)})
		}
		out = append(out, c)
	}
	return out
}

type outcomeItem struct {
	Name        string   `json:"name"`
	File        string   `json:"file"`
	Line        int      `json:"line"`
	Passed      bool     `json:"passed"`
	Differences []string `json:"differences,omitempty"`
	Verdict     string   `json:"verdict,omitempty"`
}

func outcomesJSON(outcomes []preview.Outcome) any {
	items := make([]outcomeItem, 0, len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		items = append(items, outcomeItem{o.Title(), o.File, o.Line, len(o.Differences) == 0, o.Differences, o.Verdict})
	}
	return struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Items      []outcomeItem `json:"items"`
	}{apiv1.Version, "RequestTestResults", items}
}
