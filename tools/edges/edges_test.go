package main

import (
	"slices"
	"strings"
	"testing"
)

const layers = `
module a
allow b/x c/...

# It only wires.
app
# Pure: read through the store.
compile
# It knows no meaning.
store kobj
`

func path(p string) string { return domain + p }

func TestEveryEdgeThatDoesNotPointDownIsAFault(t *testing.T) {
	modules, err := parse(layers)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to, want string
	}{
		"down":                    {"a/app", "contour.example/a/kobj", ""},
		"to the standard library": {"a/kobj", "fmt", ""},
		"to an allowed package":   {"a/kobj", "contour.example/b/x", ""},
		"below an allowed one":    {"a/kobj", "contour.example/c/d/e", ""},
		"up":                      {"a/store", "contour.example/a/compile", "which is not below it. It knows no meaning."},
		"sideways":                {"a/store", "contour.example/a/kobj", "which is not below it"},
		"to another module":       {"a/app", "contour.example/b/y", "which is not below it. It only wires."},
		"below one that is not":   {"a/app", "contour.example/b/x/z", "which is not below it"},
		"to an unlisted package":  {"a/app", "contour.example/a/new", "which is not below it"},
		"from an unlisted one":    {"a/new", "fmt", "a/new is in no layer"},
	} {
		imports := map[string][]string{path("a/app"): nil, path("a/compile"): nil, path("a/store"): nil, path("a/kobj"): nil}
		imports[path(c.from)] = []string{c.to}
		faults := modules[0].check(imports)
		if c.want == "" && len(faults) > 0 || c.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], c.want)) {
			t.Errorf("%s: %q", name, faults)
		}
	}
}

func TestListedPackagesExistOnce(t *testing.T) {
	modules, err := parse("module a\nx y\ny\n")
	if err != nil {
		t.Fatal(err)
	}
	faults := modules[0].check(map[string][]string{path("a/y"): nil})
	want := []string{"contour.example/a/x is listed, but does not exist", "contour.example/a/y is listed twice"}
	if !slices.Equal(faults, want) {
		t.Errorf("got %q", faults)
	}
}

func TestLayersNeedAModule(t *testing.T) {
	if _, err := parse("x y\n"); err == nil {
		t.Error("no error")
	}
}

// TestRepository is the check itself, and that the list covers every module with more than one package of ours.
func TestRepository(t *testing.T) {
	faults, err := run("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range faults {
		t.Error(f)
	}
}
