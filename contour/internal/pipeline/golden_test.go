package pipeline_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/store"
)

// The goldens of a case.
const (
	irFile     = "ir.yaml"
	reportFile = "report.yaml"
	xdsFile    = "xds.yaml"
	statusFile = "status.yaml" // only where a case is about conditions and addresses
)

func loadCases(t testing.TB) []stagetest.Case {
	t.Helper()
	cases, err := stagetest.Load("testdata", irFile, reportFile, xdsFile, statusFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("there are no cases")
	}
	return cases
}

// For each case, the output of the stages for in.yaml equals the goldens, in whatever order the objects arrive, and the
// responses to requests equal those in expect.yaml.
func TestCases(t *testing.T) {
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) { runCase(t, c) })
	}
}

func runCase(t *testing.T, c stagetest.Case) {
	sys := newSystem(t, c.Config)
	sys.Step(c.Objects)
	s := sys.state()
	goldens := stagetest.Goldens{Update: *update}
	goldens.Compare(t, filepath.Join(c.Dir, irFile), must(irtext.Hosts(s.Hosts))(t))
	goldens.Compare(t, filepath.Join(c.Dir, reportFile), must(stagetest.Report(s.Statuses))(t))
	goldens.Compare(t, filepath.Join(c.Dir, xdsFile), must(stagetest.XDS(semantic.Effective(sys.table)))(t))
	goldens.CompareIfExists(t, filepath.Join(c.Dir, statusFile), must(status.YAML(slices.Collect(maps.Values(s.Statuses))))(t))
	checkPublished(t, sys)
	oneByOne := newSystem(t, c.Config)
	for _, o := range slices.Backward(c.Objects) {
		oneByOne.Step([]store.Change{o})
	}
	sameState(t, s, oneByOne.state())
	checkAnswers(t, c, sys)
	withShards := newSystem(t, sharded(c.Config))
	withShards.Step(c.Objects)
	checkPublished(t, withShards)
	checkAnswers(t, c, withShards)
}

// sharded returns a configuration in which any number of HTTP hosts is sharded.
func sharded(c config.Config) config.Config {
	c.RouteTables.Hosts = 0
	return c
}

// checkAnswers compares the answers of the model with expect.yaml.
func checkAnswers(t *testing.T, c stagetest.Case, sys *system) {
	t.Helper()
	model := sys.model(t)
	for _, q := range c.Checks {
		answer, err := model.Send(q.Request)
		if err != nil {
			t.Errorf("%+v: %v", q.Request, err)
			continue
		}
		for _, d := range q.Answer.Compare(answer) {
			t.Errorf("%+v: %s", q.Request, d)
		}
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// untestable are the reasons that no manifest causes, with the tests that cover them.
var untestable = map[report.Reason]string{
	report.InternalError:        "a derivation has to fail: see the tests of package compile",
	report.RejectedByEnvoy:      "an Envoy has to reject a resource: see the tests of package status and of the xDS server",
	report.RemoteJWKSNotFetched: "an attempt to fetch has to fail: see TestKeySets",
}

// Every reason is in the report of a case.
func TestEveryReasonHasACase(t *testing.T) {
	covered := map[report.Reason]bool{}
	for _, c := range loadCases(t) {
		text, err := os.ReadFile(filepath.Join(c.Dir, reportFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range must(stagetest.Reasons(text))(t) {
			covered[r] = true
		}
	}
	for _, r := range reasons(t) {
		switch why, excused := untestable[r]; {
		case covered[r] && excused:
			t.Errorf("%s is in a report.yaml, but listed as untestable: %s", r, why)
		case !covered[r] && !excused:
			t.Errorf("%s is in no report.yaml", r)
		}
	}
}

// reasons returns the constants of type Reason in package report.
func reasons(t *testing.T) []report.Reason {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../report/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []report.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Reason" {
			for _, v := range spec.Values {
				out = append(out, report.Reason(strings.Trim(v.(*ast.BasicLit).Value, `"`)))
			}
		}
		return true
	})
	if len(out) < 30 {
		t.Fatalf("found only %d reasons", len(out))
	}
	slices.Sort(out)
	return out
}
