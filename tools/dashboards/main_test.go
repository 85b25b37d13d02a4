package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Queries with a result are fine; those without, with NaN only or with a wrong syntax are reported with dashboard and panel.
func TestQueriesWithoutResultAreReported(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "d.json", `{"title": "D", "panels": [
		{"title": "row", "type": "row"},
		{"title": "good", "targets": [{"expr": "sum(rate(requests_total{host=~\"$Host\", job=\"a\"}[1m])) by (host)"}, {"expr": "up * on() group_left() vector(2)"}]},
		{"title": "absent", "targets": [{"expr": "sum(absent_total)"}]},
		{"title": "no number", "targets": [{"expr": "0 * up / 0"}]},
		{"title": "syntax", "targets": [{"expr": "sum("}]}
	]}`)
	files := []string{
		write(t, dir, "a-0.prom", "# TYPE requests_total counter\nrequests_total{host=\"x\"} 1\nup 1\n"),
		write(t, dir, "a-1.prom", "requests_total{host=\"x\"} 4\nup 1\n"),
	}
	problems, err := check(t.Context(), dir, files)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(problems, "\n")
	for _, want := range []string{"D: absent: ", "D: no number: ", "D: syntax: "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %s", want, text)
		}
	}
	if len(problems) != 3 {
		t.Errorf("problems: %s", text)
	}
}

func TestWhatIsNoDashboardIsAnError(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":    "",
		"no JSON":    "{",
		"no queries": `{"panels": [{"title": "p", "type": "graph"}]}`,
	} {
		dir := t.TempDir()
		if text != "" {
			write(t, dir, "d.json", text)
		}
		if problems, err := check(t.Context(), dir, nil); err == nil {
			t.Errorf("%s: %v", name, problems)
		}
	}
	dir := t.TempDir()
	write(t, dir, "d.json", `{"panels": [{"targets": [{"expr": "1"}]}]}`)
	for _, file := range []string{write(t, dir, "scrape", "a 1"), write(t, dir, "a-0.prom", "a b c"), dir + "/absent-0.prom"} {
		if _, err := check(t.Context(), dir, []string{file}); err == nil {
			t.Errorf("%s: no error", file)
		}
	}
}
