package controller

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/harness/address"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	before, err := parseMetrics([]byte("# HELP a text\n# TYPE a counter\na{kind=\"x\",le=\"1 2\"} 3\na{kind=\"y\"} 4\nab 9\ngone 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := before.Sum("a"); got != 7 {
		t.Errorf("sum of a is %v, want 7", got)
	}
	if got := before.Sum("a", `kind="x"`); got != 3 {
		t.Errorf("sum of a with kind x is %v, want 3", got)
	}
	after, err := parseMetrics([]byte("a{kind=\"y\"} 6\na{kind=\"x\",le=\"1 2\"} 3\nab 9\nnew 1e3\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Metrics{`a{kind="x",le="1 2"}`: 0, `a{kind="y"}`: 2, "ab": 0, "gone": -1, "new": 1000}
	if diff := cmp.Diff(want, after.Sub(before)); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"word", "a x"} {
		if _, err := parseMetrics([]byte(bad)); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// A script replaces the command: the test checks its arguments.
func TestStartGivesTheFlagsOfServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "contour")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	ports, err := address.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ports.Close() })
	credentials, err := WriteCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(Options{
		Path: script, Name: "contour-0", Kubeconfig: "/k", Dir: dir, Namespace: "ns",
		Credentials: credentials, Listeners: Listeners{HTTP: 1, HTTPS: 2, Stats: 3}, Args: []string{"--debug"},
	}, ports)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	log := c.Tail(100)
	for _, flag := range []string{
		"serve", "--kubeconfig=/k", "--envoy-service-http-port=1", "--envoy-service-https-port=2", "--stats-port=3",
		"--leader-election-resource-namespace=ns", "--contour-cafile=" + credentials.CA, "--debug",
	} {
		if !strings.Contains("\n"+log+"\n", "\n"+flag+"\n") {
			t.Errorf("%s is missing in\n%s", flag, log)
		}
	}
	if err := c.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("readiness of a process that ended: %v", err)
	}
}
