//go:build conformance || local

package conformance_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"contour.example/conformance"
	"contour.example/conformance/suite"
)

func TestMain(m *testing.M) {
	var o suite.Options
	o.Register(flag.CommandLine)
	flag.Parse()
	os.Exit(run(m, o))
}

// runner is what the tests use, and options what it was made from. Set once, before they run.
var (
	runner  *suite.Runner
	options suite.Options
)

func TestConformance(t *testing.T) {
	tests, err := conformance.Tests()
	if err != nil {
		t.Fatal(err)
	}
	if err := options.Check(tests); err != nil {
		t.Fatal(err)
	}
	results := make([]suite.Result, len(tests))
	t.Cleanup(func() { writeReport(t, results) })
	for i, test := range tests {
		t.Run(test.Name, func(t *testing.T) {
			if !test.Alone {
				t.Parallel()
			}
			results[i] = runner.Run(t.Context(), test)
			judge(t, results[i])
		})
	}
}

func judge(t *testing.T, r suite.Result) {
	t.Helper()
	switch r.Outcome {
	case suite.Failed:
		t.Errorf("%s\n%s", r.Test.Sentence, r.Reason)
	case suite.Skipped:
		t.Skip(r.Reason)
	case suite.Passed:
	}
}

// writeReport leaves out tests that -run did not choose.
func writeReport(t *testing.T, results []suite.Result) {
	results = slices.DeleteFunc(results, func(r suite.Result) bool { return r.Outcome == "" })
	report := suite.NewReport(options.Implementation, results)
	t.Log(report)
	if options.Report == "" {
		return
	}
	if err := report.Write(options.Report); err != nil {
		t.Error(err)
	}
}
