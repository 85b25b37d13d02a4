package testsystem

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestErrorsInLogsAreFound(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "contour-0.log")
	text := "time=1 level=info msg=ERROR\ntime=2 level=error msg=lost\ntime=3 level=error msg=broken\n"
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	allow := func(what string) func(string) bool {
		return func(line string) bool { return strings.Contains(line, what) }
	}
	for allowed, want := range map[string]string{"lost": "msg=broken", "broken": "msg=lost", "level=error": ""} {
		s := System{started: []string{log}, options: Options{MayLog: allow(allowed)}}
		err := s.checkLogs()
		if (err == nil) != (want == "") || err != nil && !strings.HasSuffix(err.Error(), want) {
			t.Errorf("with %q allowed: got %v, want %q", allowed, err, want)
		}
	}
	if err := (&System{started: []string{log}}).checkLogs(); err == nil {
		t.Error("errors were not found")
	}
}
