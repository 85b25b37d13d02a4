package app

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mistaken runs standalone in a way that cannot succeed, and returns the exit code and what it says.
func mistaken(t *testing.T, env map[string]string, args ...string) (int, string) {
	t.Helper()
	var out, err bytes.Buffer
	code := Main(append([]string{"standalone"}, args...), Streams{Out: &out, Err: &err, Env: func(k string) string { return env[k] }})
	if out.Len() > 0 {
		t.Errorf("on standard output: %s", &out)
	}
	return code, err.String()
}

func TestStandaloneSaysWhyItCannotStart(t *testing.T) {
	t.Parallel()
	manifests := t.TempDir()
	file := filepath.Join(manifests, "a.yaml")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	taken := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	envoy := map[string]string{"ENVOY": "/bin/true"}
	for name, c := range map[string]struct {
		env  map[string]string
		args []string
		code int
		want string
	}{
		"no directory":      {envoy, []string{manifests + "/none"}, 1, "none does not exist"},
		"one of two":        {envoy, []string{manifests, file, manifests + "/gone"}, 1, "gone does not exist"},
		"no Envoy there":    {nil, []string{manifests, "--envoy", "/no/such/envoy"}, 1, "--envoy or $ENVOY"},
		"bad $ENVOY":        {map[string]string{"ENVOY": file}, []string{manifests}, 1, "no Envoy to run"},
		"port taken":        {envoy, []string{manifests, "--http-port", taken}, 1, "port " + taken + " on 127.0.0.1 is used by another program; choose another with --http-port"},
		"admin port taken":  {envoy, []string{manifests, "--admin-port", taken}, 1, "--admin-port"},
		"one port for both": {envoy, []string{manifests, "--http-port", "8443"}, 2, "both are 8443"},
		"port 0":            {envoy, []string{manifests, "--https-port", "0"}, 2, "0 is no port"},
		"a host name":       {envoy, []string{manifests, "--http-address", "localhost"}, 2, "not an IP address"},
		"another address":   {envoy, []string{manifests, "--http-address", "203.0.113.7"}, 1, "--http-address: 203.0.113.7 is no address of this machine"},
		"access log":        {envoy, []string{manifests, "--access-log", manifests + "/none/x.log"}, 1, "--access-log: open "},
		"unknown flag":      {envoy, []string{manifests, "--color"}, 2, "unknown flag"},
		"no argument":       {envoy, nil, 2, "takes one or more arguments, and got 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, said := mistaken(t, c.env, c.args...); code != c.code || !strings.Contains(said, c.want) {
				t.Errorf("exit code %d, want %d, with %q; got %q", code, c.code, c.want, said)
			}
		})
	}
}
