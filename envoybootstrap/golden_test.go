package envoybootstrap

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// update is -update on the command line of go test.
var update = flag.Bool("update", false, "rewrite the files in testdata")

// TestGolden compares the files of each testdata/<case>/args.txt, a command line, with those beside it.
func TestGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/args.txt")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, path := range cases {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			compareDir(t, dir, documents(t, arguments(t, path)))
		})
	}
}

// arguments reads one argument per line, without comments.
func arguments(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(content)), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") })
}

// documents is what the command line would write, by base name.
func documents(t *testing.T, args []string) map[string]string {
	t.Helper()
	cmd := command{config: fromEnvironment(noEnv)}
	paths, err := parse(cmd.flags(), args)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.check(paths); err != nil {
		t.Fatal(err)
	}
	all, err := files(cmd.path, cmd.config)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range all {
		content, err := encode(f.document)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f.path)] = string(content)
	}
	return out
}

// compareDir fails on a difference, a missing file and an orphan.
func compareDir(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	if *update {
		rewrite(t, dir, got)
	}
	present, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range present {
		if _, ok := got[filepath.Base(path)]; !ok {
			t.Errorf("%s: no file of the command line", path)
		}
	}
	for name, content := range got {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
		} else if string(want) != content {
			t.Errorf("%s differs (-update rewrites); got:\n%s", filepath.Join(dir, name), content)
		}
	}
}

func rewrite(t *testing.T, dir string, got map[string]string) {
	t.Helper()
	for name, content := range got {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func noEnv(string) string { return "" }
