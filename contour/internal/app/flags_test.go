package app

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/settings"
)

// serving is the flags of serve, as given.
func serving(t *testing.T, args ...string) *serveFlags {
	t.Helper()
	f, fs := &serveFlags{logging: &logFlags{}}, pflag.NewFlagSet("serve", pflag.ContinueOnError)
	f.add(fs, noEnv)
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

// The flags of serve and their defaults are those of the specification, or the table says why not.
func TestFlagsAreThoseOfTheSpecification(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/flags.tsv")
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		if row := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); !strings.HasPrefix(line, "#") && len(row) == 3 {
			want[row[0]] = row[1]
		} else if !strings.HasPrefix(line, "#") {
			t.Errorf("%q has %d columns", line, len(row))
		}
	}
	fs := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	(&logFlags{}).add(fs)
	(&serveFlags{}).add(fs, noEnv)
	fs.VisitAll(func(f *pflag.Flag) { got[f.Name] = f.DefValue })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("flags and defaults (-specification +serve):\n%s", d)
	}
	if f := fs.ShorthandLookup("c"); f == nil || f.Name != "config-path" {
		t.Errorf("-c is %v", f)
	}
}

// standalone has every serving flag of serve, under its own name or the same.
func TestStandaloneHasTheServingFlags(t *testing.T) {
	t.Parallel()
	fs := pflag.NewFlagSet("standalone", pflag.ContinueOnError)
	(&standaloneFlags{}).add(fs)
	for _, name := range []string{
		"config-path", "accesslog-format", "envoy-drain-time", "envoy-http-access-log", "envoy-https-access-log", "ingress-class-name",
		"ingress-status-address", "root-namespaces", "route-table-hosts", "tls-certificates", "use-proxy-protocol",
		"http-address", "http-port", "https-address", "https-port", "stats-port",
	} {
		if fs.Lookup(name) == nil {
			t.Errorf("standalone has no flag --%s", name)
		}
	}
}

// Later layers win: defaults, file or object, flags. Of the addresses of metrics, the file's win, as in Contour.
func TestLayers(t *testing.T) {
	t.Parallel()
	file := func(text string) settings.Document {
		d, err := settings.File("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	object := settings.Object("o", v1alpha1.ContourConfigurationSpec{
		Ingress: &v1alpha1.IngressConfig{ClassNames: []string{"object"}}, XDSServer: &v1alpha1.XDSServerConfig{Port: 7},
	})
	for name, c := range map[string]struct {
		args []string
		doc  settings.Document
		edit func(*config.Config)
	}{
		"nothing": {nil, settings.Empty(), func(*config.Config) {}},
		"a file":  {nil, file("accesslog-format: json"), func(c *config.Config) { c.AccessLog.Format = "json" }},
		"a flag over a file": {
			[]string{"--accesslog-format=envoy", "--ingress-class-name= a, b"},
			file("accesslog-format: json\ntls: {minimum-protocol-version: 1.3}"),
			func(c *config.Config) { c.TLS.Min, c.Objects.IngressClassNames = c.TLS.Max, []string{"a", "b"} },
		},
		"a file over a flag": {
			[]string{"--http-port=1", "--stats-port=2"},
			file("metrics: {contour: {port: 3}, envoy: {port: 4}}"),
			func(c *config.Config) {
				c.Process.Metrics.Port, c.Listeners.Stats.Port = 3, 4
				c.Listeners.Health = config.Address{Host: c.Listeners.Stats.Host, Port: 2}
			},
		},
		"the readiness of Envoy is where the flags say, whatever the file says of its metrics": {
			[]string{"--stats-port=2"},
			file("metrics: {envoy: {port: 4}}"),
			func(c *config.Config) {
				c.Listeners.Health = config.Address{Host: c.Listeners.Stats.Host, Port: 2}
				c.Listeners.Stats.Port = 4
			},
		},
		"an access log that the file disables": {
			[]string{"--envoy-http-access-log=/dev/stderr"},
			file("accesslog-level: disabled"),
			func(c *config.Config) { c.AccessLog.HTTP, c.AccessLog.Disabled = "/dev/stderr", true },
		},
		"a socket that only the file without its flag shares": {
			[]string{"--envoy-service-http-port=8081"},
			file("metrics: {envoy: {port: 8080}}"),
			func(c *config.Config) {
				c.Listeners.Health, c.Listeners.HTTP.Port = c.Listeners.Stats, 8081
				c.Listeners.Stats.Port = 8080
			},
		},
		"an object": {nil, object, func(c *config.Config) {
			c.Objects.IngressClassNames = []string{"object"}
			c.Timeouts.ConnectionIdle.Duration = 0
			s := &c.Process.Server
			s.Host, s.Port, s.CA, s.Cert, s.Key = "0.0.0.0", 7, "/certs/ca.crt", "/certs/tls.crt", "/certs/tls.key"
		}},
		"a flag over an object": {[]string{"--insecure", "--xds-address=127.0.0.1", "--xds-port=8"}, object, func(c *config.Config) {
			c.Objects.IngressClassNames = []string{"object"}
			c.Timeouts.ConnectionIdle.Duration = 0
			c.Process.Server.Port, c.Process.Server.Insecure = 8, true
		}},
	} {
		want := config.Default()
		c.edit(&want)
		got, err := serving(t, c.args...).build(c.doc)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// serve says what is wrong with its command line and its file before it does anything.
func TestServeSaysWhyItCannotStart(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/contour.yaml"
	if err := os.WriteFile(path, []byte("metrics:\n  contour:\n    ca-certificate-path: /ca\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"file and object":    {[]string{"-c", path, "--contour-config-name=a"}, 2, "choose one"},
		"no file":            {[]string{"-c", path + ".not"}, 1, "no such file"},
		"half of TLS":        {[]string{"-c", path}, 1, path + ":3: metrics.contour.ca-certificate-path: TLS needs both a certificate and its key."},
		"no such feature":    {[]string{"--disable-feature=gateways"}, 2, "--disable-feature"},
		"no such format":     {[]string{"--accesslog-format=text"}, 2, `"text" is not one of envoy, json`},
		"no address":         {[]string{"--health-address=localhost"}, 2, `"localhost" is not an IP address`},
		"no port":            {[]string{"--xds-port=65536"}, 2, "not between 0 and 65535"},
		"no certificates":    {nil, 2, "mutual TLS needs"},
		"insecure and open":  {[]string{"--insecure", "--xds-address=0.0.0.0"}, 2, "for loopback only"},
		"insecure and files": {[]string{"--insecure", "--contour-cafile=a"}, 2, "choose one"},
		"no clients":         {[]string{"--xds-clients-per-address=0"}, 2, "--xds-clients-per-address"},
		"no drain time":      {[]string{"--envoy-drain-time=0s"}, 2, "--envoy-drain-time"},
		"one socket twice":   {[]string{"--stats-port=8080"}, 2, "Envoy's listeners for metrics and for HTTP have the same address and port, 0.0.0.0:8080."},
		"negative hosts":     {[]string{"--route-table-hosts=-1"}, 2, "is negative"},
	} {
		var out, errs strings.Builder
		code := Main(append([]string{"serve"}, c.args...), Streams{Out: &out, Err: &errs, Env: noEnv})
		if code != c.code || !strings.Contains(errs.String(), c.want) {
			t.Errorf("%s: exit code %d, want %d, with %q; got %q", name, code, c.code, c.want, errs.String())
		}
	}
}

// A disabled kind is not watched, so that its permissions and its CustomResourceDefinition are not needed.
func TestDisabledKindsAreNotWatched(t *testing.T) {
	t.Parallel()
	resources := func(f serveFlags) (out []string) {
		for _, d := range f.watched() {
			out = append(out, d.Resource)
		}
		return out
	}
	needs := []kind.Need{kind.GatewayAPI}
	all := resources(serveFlags{needs: needs})
	disabled := []string{"extensionservices", "grpcroutes", "tlsroutes", "backendtlspolicies"}
	got := resources(serveFlags{needs: needs, disabled: disabled})
	want := slices.DeleteFunc(slices.Clone(all), func(r string) bool { return slices.Contains(disabled, r) })
	if !slices.Equal(got, want) || len(want) != len(all)-len(disabled) {
		t.Errorf("watched are %q, want %q of %q", got, want, all)
	}
}
