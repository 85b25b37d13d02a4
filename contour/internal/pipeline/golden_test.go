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

// Each case: what the stages make of in.yaml is what the goldens say, whatever way the objects came, and answers
// requests as expect.yaml says.
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
	ask(t, c, sys)
	divided := newSystem(t, dividing(c.Config))
	divided.Step(c.Objects)
	checkPublished(t, divided)
	ask(t, c, divided)
}

// dividing is the configuration with the plain hosts divided into shards, however few they are.
func dividing(c config.Config) config.Config {
	c.RouteTables.Hosts = 0
	return c
}

func ask(t *testing.T, c stagetest.Case, sys *system) {
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

// elsewhere are the reasons that no manifest brings about, and where they are shown instead.
var elsewhere = map[report.Reason]string{
	report.InternalError:   "a derivation has to fail: see the tests of package compile",
	report.RejectedByEnvoy: "an Envoy has to refuse: see the tests of package status and of the xDS server",
	report.TooMany:         "takes manifests of megabytes: see the limits tests of compile/httpproxy",
}

// Every reason that a user can be told is in the report of a case.
func TestEveryReasonHasACase(t *testing.T) {
	shown := map[report.Reason]bool{}
	for _, c := range loadCases(t) {
		text, err := os.ReadFile(filepath.Join(c.Dir, reportFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range must(stagetest.Reasons(text))(t) {
			shown[r] = true
		}
	}
	for _, r := range reasons(t) {
		switch why, excused := elsewhere[r]; {
		case shown[r] && excused:
			t.Errorf("%s is in a report.yaml, so it is not true that it %s", r, why)
		case !shown[r] && !excused:
			t.Errorf("%s is in no report.yaml", r)
		}
	}
}

// reasons are the constants of type Reason in package report.
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
