package envoybootstrap

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type outcome struct {
	code           int
	stdout, stderr string
}

func runWith(env map[string]string, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := Run(args, func(name string) string { return env[name] }, &stdout, &stderr)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestRunUsage(t *testing.T) {
	tests := map[string]struct {
		args []string
		want string
	}{
		"no path":           {nil, "want one PATH"},
		"two paths":         {[]string{"/a.json", "/b.json"}, "got 2"},
		"unknown flag":      {[]string{"/a.json", "--xds-adress=x"}, "xds-adress"},
		"bad number":        {[]string{"/a.json", "--xds-port=http"}, "xds-port"},
		"negative heap":     {[]string{"/a.json", "--overload-max-heap=-1"}, "overload-max-heap"},
		"flag lacks value":  {[]string{"/a.json", "--xds-port"}, "xds-port"},
		"v2":                {[]string{"/a.json", "--xds-resource-version=v2"}, `"v2": want v3`},
		"invalid config":    {[]string{"/a.json", "--xds-port=0"}, "xDS port 0"},
		"SDS files nowhere": {[]string{"-", "--envoy-cafile=/a", "--envoy-cert-file=/b", "--envoy-key-file=/c"}, "--resources-dir: missing"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := runWith(nil, tt.args...)
			if got.code != 2 || !strings.Contains(got.stderr, tt.want) || !strings.Contains(got.stderr, "--help") || got.stdout != "" {
				t.Errorf("got %+v, want code 2 and %q", got, tt.want)
			}
		})
	}
}

func TestRunHelp(t *testing.T) {
	for _, flag := range []string{"--help", "-help", "-h"} {
		got := runWith(nil, flag)
		if got.code != 0 || !strings.Contains(got.stdout, "--xds-address") || got.stderr != "" {
			t.Errorf("%s: got %+v", flag, got)
		}
	}
}

func TestRunFailure(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got := runWith(nil, filepath.Join(dir, "file", "envoy.json"))
	if got.code != 1 || strings.Contains(got.stderr, "--help") {
		t.Errorf("got %+v, want code 1", got)
	}
}

func TestRunReadsTheEnvironment(t *testing.T) {
	env := map[string]string{
		"ENVOY_CAFILE":      "/env/ca.crt",
		"ENVOY_CERT_FILE":   "/env/tls.crt",
		"ENVOY_KEY_FILE":    "/env/tls.key",
		"CONTOUR_NAMESPACE": "env-ns",
	}
	dir := t.TempDir()
	if got := runWith(env, filepath.Join(dir, "envoy.json"), "--envoy-key-file=/flag/tls.key"); got != (outcome{}) {
		t.Fatalf("got %+v", got)
	}
	for name, wants := range map[string][]string{
		"envoy.json":                      {"env-ns_contour_8001"},
		"sds/xds-validation-context.json": {"/env/ca.crt"},
		"sds/xds-tls-certificate.json":    {"/env/tls.crt", "/flag/tls.key"},
	} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(string(content), want) {
				t.Errorf("%s lacks %q", name, want)
			}
		}
	}
}

func TestRunPrints(t *testing.T) {
	got := runWith(nil, "-")
	if got.code != 0 || !strings.HasPrefix(got.stdout, "{\n") || got.stderr != "" {
		t.Errorf("got %+v", got)
	}
}

func TestRunWarnsThatAdminPortIsDeprecated(t *testing.T) {
	with := runWith(nil, "-", "--admin-port=9001")
	if with.code != 0 || !strings.Contains(with.stderr, "deprecated") {
		t.Errorf("got %+v", with)
	}
	if without := runWith(nil, "-"); without.stdout != with.stdout {
		t.Error("the port changed the bootstrap")
	}
}
