package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// repository returns a repository with these lines, and one proof of each form.
func repository(t *testing.T, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"tools/compatibility/lines.tsv": "# comment\n" + strings.Join(lines, "\n") + "\n",
		"docs/x":                        "",
		"a/b/b_test.go":                 "//go:build local\n\npackage b\n\nfunc TestB(t *testing.T) {}\n\nfunc TestMore(t *testing.T) {}\n",
		"contour/internal/pipeline/testdata/area/c/in.yaml":     "",
		"contour/internal/pipeline/testdata/area/c/expect.yaml": "",
		"contour/internal/pipeline/testdata/area/d/in.yaml":     "",
		"harness/e2e/testdata/s.yaml":                           "",
		"conformance/suite/x.go":                                "var x = T{\n\tName:  \"suite/one-test\",\n}\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPage(t *testing.T) {
	t.Parallel()
	dir := repository(t,
		"1 One\ta|b\tyes\ta/b TestB; case area/c\t",
		"1 One\tc\tdifferent\tscenario s\tso",
		"2 Two\td\tbetter\tconformance suite/one-test\t",
		"2 Two\te\tunchecked\t\twhy",
		"2 Two\tf\tno\t\t",
	)
	faults, err := run(dir)
	if err != nil || len(faults) > 0 {
		t.Fatalf("%v, %v", faults, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "docs", "compatibility.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| 1 One | 1 | 0 | 1 | 0 | 0 |\n| 2 Two | 0 | 1 | 0 | 1 | 1 |\n| **all (5)** | 1 | 1 | 1 | 1 | 1 |\n",
		"| a\\|b | **yes** | `a/b TestB`, `case area/c` |  |\n",
		"| e | unchecked |  | why |\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What is not proved, or by a test that does not exist, fails the check and writes no page.
func TestFaults(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{
		"1\ta\tyes\t\t":                        "has no proof",
		"1\ta\tno\ta/b TestB\t":                "has a proof",
		"1\ta\tunchecked\ta/b TestB\t":         "has a proof",
		"1\ta\tdifferent\ta/b TestB\t":         "not described",
		"1\ta\tyes\ta/b TestA\t":               `"a/b TestA" does not exist`,
		"1\ta\tyes\ta/c TestB\t":               `"a/c TestB" does not exist`,
		"1\ta\tyes\ta/b TestB; a/b TestA\t":    `"a/b TestA" does not exist`,
		"1\ta\tyes\ta/b Test\t":                `"a/b Test" does not exist`,
		"1\ta\tyes\tcase area/d\t":             `"case area/d" does not exist`,
		"1\ta\tyes\tscenario x\t":              `"scenario x" does not exist`,
		"1\ta\tyes\tconformance suite/one\t":   `"conformance suite/one" does not exist`,
		"1\ta\tyes\tTestB\t":                   "is no proof",
		"1\ta\tmaybe\ta/b TestB\t":             `answer "maybe"`,
		"1\ta\tyes\ta/b TestB":                 "4 columns",
		"\ta\tno\t\t":                          "no section",
		"1\ta\tno\t\t\n1\ta\tyes\ta/b TestB\t": "twice",
	} {
		dir := repository(t, lines)
		faults, err := run(dir)
		if err != nil || !strings.Contains(strings.Join(faults, "\n"), want) {
			t.Errorf("%q: %v, %v, want %q", lines, faults, err, want)
		}
		if _, err := os.Stat(filepath.Join(dir, "docs", "compatibility.md")); err == nil {
			t.Errorf("%q: there is a page", lines)
		}
	}
}
