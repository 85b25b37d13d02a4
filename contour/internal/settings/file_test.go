package settings

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// A file that cannot be read says where and why, all of it at once.
func TestFileSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":            {"debug: true\nno-such: 1\n", "f:2: no-such: There is no such key."},
		"unknown key and others": {"no-such: 1\ntimeouts:\n  request-timeout: soon\n", "f:3: timeouts.request-timeout: "},
		"unknown key of ours":    {"edge:\n  no-such: 1\n", "f:2: edge.no-such: There is no such key."},
		"headers timeout":        {"edge:\n  request-headers-timeout: soon\n", "f:2: edge.request-headers-timeout: \"soon\""},
		"small window":           {"edge:\n  http2-stream-window-bytes: 1000\n", "f:2: edge.http2-stream-window-bytes: 1000 is not between 65535 and 2147483647."},
		"large window":           {"edge:\n  http2-connection-window-bytes: 2147483648\n", "f:2: edge.http2-connection-window-bytes: 2147483648 is not between"},
		"underscores":            {"edge:\n  headers-with-underscores: refuse\n", "f:2: edge.headers-with-underscores: \"refuse\" is not one of allow, reject, drop."},
		"escaped slashes":        {"edge:\n  escaped-slashes: forward\n", "f:2: edge.escaped-slashes: \"forward\" is not one of keep, reject, redirect."},
		"key of isolation":       {"isolation:\n  hosts: shared\n", "f:2: isolation.hosts: There is no such key."},
		"unknown key below":      {"tls:\n  minimum-version: 1.2\n", "f:2: tls.minimum-version: There is no such key."},
		"other letters":          {"tls:\n  minimumProtocolVersion: 1.2\n", "f:2: tls.minimumProtocolVersion: There is no such key. Did you mean tls.minimum-protocol-version?"},
		"keys of the section":    {"network:\n  hops: 1\n", "f:2: network.hops: There is no such key. The keys of network are admin-port, num-trusted-hops, strip-trailing-host-dot."},
		"zero for a limit":       {"listener:\n  max-requests-per-connection: 0\n", "f:2: listener.max-requests-per-connection: 0 is less than 1."},
		"former key":             {"server:\n  xds-server-type: contour\n", "f:2: server: Delete this section, with its xds-server-type: there is one xDS server."},
		"key of another case":    {"Debug: true\n", "f:1: Debug: There is no such key."},
		"two at once":            {"a: 1\nb: 2\n", "f:1: a: There is no such key.\nf:2: b: There is no such key."},
		"twice":                  {"debug: true\nincluster: true\ndebug: false\n", "f:3: debug: The key is there twice, first in line 1."},
		"no YAML":                {"debug: [\n", "f:1: The file is not YAML: did not find expected node content."},
		"two documents":          {"debug: true\n---\ndebug: true\n", "f: There is more than one document in the file."},
		"a list":                 {"- debug\n", "f:1: Keys with values are expected here."},
		"a value for keys":       {"tls: 1.2\n", "f:1: tls: Keys with values are expected here."},
		"a word for a bool":      {"debug: perhaps\n", "f:1: debug: The value is not true or false."},
		"a negative limit":       {"listener:\n  max-requests-per-connection: -1\n", "f:2: listener.max-requests-per-connection: The value is not a whole number that is not negative."},
		"a text for a list":      {"json-fields: method\n", "f:1: json-fields: The value is not a list."},
		"no name":                {"tracing:\n  extensionService: otel\n", "f:2: tracing.extensionService: The value is not a namespace and a name with a slash between."},
		"unknown in a struct":    {"tracing:\n  customTags: [{tagName: a, value: b}]\n", "f:2: tracing.customTags: The value is not understood: unknown field \"value\"."},
		"itself":                 {"tls: &a\n  b: *a\n", "f:2: tls.b: There is no such key."},
		"TLS version":            {"tls:\n  minimum-protocol-version: \"1.1\"\n", "f:2: tls.minimum-protocol-version: \"1.1\" is not one of 1.2, 1.3."},
		"TLS versions":           {"tls:\n  minimum-protocol-version: 1.3\n  maximum-protocol-version: 1.2\n", "f:2: tls.minimum-protocol-version: The minimum TLS version is above the maximum."},
		"cipher suite":           {"tls:\n  cipher-suites: [NULL-SHA]\n", "f:2: tls.cipher-suites: \"NULL-SHA\" is not one of"},
		"curve":                  {"tls:\n  ecdh-curves: [P-224]\n", "f:2: tls.ecdh-curves: \"P-224\" is not one of"},
		"timeout":                {"timeouts:\n  request-timeout: soon\n", "f:2: timeouts.request-timeout: \"soon\" is not a duration such as 1m30s, or infinity."},
		"connect timeout":        {"timeouts:\n  connect-timeout: 0s\n", "f:2: timeouts.connect-timeout: \"0s\" is not a duration of at least 1ms."},
		"HTTP version":           {"default-http-versions: [HTTP/3]\n", "f:1: default-http-versions: \"HTTP/3\" is not one of HTTP/1.1, HTTP/2."},
		"access log format":      {"accesslog-format: text\n", "f:1: accesslog-format: \"text\" is not one of envoy, json."},
		"access log level":       {"accesslog-level: debug\n", "f:1: accesslog-level: \"debug\" is not one of info, error, critical, disabled."},
		"no newline":             {"accesslog-format-string: \"%METHOD%\"\n", "f:1: accesslog-format-string: The format does not end in a newline."},
		"no operator":            {"accesslog-format-string: \"100% of it\\n\"\n", "There is no command operator where \"% of it\\n\" begins."},
		"unknown operator":       {"json-fields: [\"a=%NONE%\"]\n", "f:1: json-fields: %NONE% is not supported here, or not with this argument."},
		"operator alone":         {"json-fields: [\"a=%REQ%\"]\n", "f:1: json-fields: %REQ% is not supported here"},
		"unknown field":          {"json-fields: [colour]\n", "f:1: json-fields: \"colour\" is neither a known field nor name=value."},
		"type of service":        {"listener:\n  socket-options:\n    tos: 256\n", "f:3: listener.socket-options.tos: 256 is not between 0 and 255."},
		"address":                {"metrics:\n  envoy:\n    address: localhost\n", "f:3: metrics.envoy.address: \"localhost\" is not an IP address."},
		"port":                   {"metrics:\n  envoy:\n    port: 70000\n", "f:3: metrics.envoy.port: 70000 is not between 1 and 65535."},
		"the port of another":    {"metrics:\n  envoy:\n    port: 8080\n", "f:3: metrics.envoy.port: Envoy's listeners for metrics and for HTTP have the same address and port, 0.0.0.0:8080."},
		"server header":          {"serverHeaderTransformation: drop\n", "f:1: serverHeaderTransformation: \"drop\" is not one of overwrite, append_if_absent, pass_through."},
		"compression":            {"compression:\n  algorithm: lz4\n", "f:2: compression.algorithm: \"lz4\" is not one of gzip, brotli, zstd, disabled."},
		"balancer":               {"listener:\n  connection-balancer: even\n", "f:2: listener.connection-balancer: \"even\" is not one of exact."},
		"DNS family":             {"cluster:\n  dns-lookup-family: v5\n", "f:2: cluster.dns-lookup-family: \"v5\" is not one of auto, v4, v6, all."},
		"host ownership":         {"isolation:\n  host-ownership: mine\n", "f:2: isolation.host-ownership: \"mine\" is not one of namespace, shared."},
		"inclusion consent":      {"isolation:\n  inclusion-consent: yes\n", "f:2: isolation.inclusion-consent: \"yes\" is not one of required, open."},
		"denied range":           {"isolation:\n  denied-endpoint-ranges: [10.0.0.0/33]\n", "f:2: isolation.denied-endpoint-ranges: \"10.0.0.0/33\" is not an IP address or a CIDR range, such as 10.0.0.0/8."},
		"global authorization":   {"globalExtAuth:\n  extensionService: a/b\n  responseTimeout: 1x\n", "f:3: globalExtAuth.responseTimeout: \"1x\" is not a duration such as 1m30s, or infinity."},
		"no global service":      {"globalExtAuth:\n  failOpen: true\n", "f: globalExtAuth.extensionService: A namespace and a name of an ExtensionService are required."},
		"global rate limits":     {"rateLimitService:\n  extensionService: a/b\n  defaultGlobalRateLimitPolicy: {descriptors: [{entries: [{}]}]}\n", "rateLimitService.defaultGlobalRateLimitPolicy: The entry has 0 of genericKey, requestHeader, requestHeaderValueMatch and remoteAddress; exactly one is required."},
		"domain of limits":       {"rateLimitService:\n  extensionService: a/b\n  domain: \"a\\nb\"\n", "f:3: rateLimitService.domain: \"a\\nb\" has control characters."},
		"gateway without place":  {"gateway:\n  gatewayRef: {name: a}\n", "f: gateway.gatewayRef.namespace: The namespace of the Gateway is required."},
		"gateway without name":   {"gateway:\n  gatewayRef: {namespace: a}\n", "f: gateway.gatewayRef.name: The name of the Gateway is required."},
		"certificate to backend": {"tls:\n  envoy-client-certificate: {name: a}\n", "f: tls.envoy-client-certificate.namespace: The namespace of the Secret is required."},
	} {
		d, err := File("f", []byte(c.text))
		if err == nil {
			var cfg config.Config
			cfg, err = d.Apply(config.Default())
			err = errors.Join(err, d.CheckListeners(cfg))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if _, err := File("f", []byte("#"+strings.Repeat("x", maxFile))); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("a large file: %v", err)
	}
}

// A file in which much is set becomes the configuration that it says.
func TestFileBecomesConfiguration(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte(`
# a comment
debug: yes
kubernetesClientQPS: 7.5
ingress-status-address: 192.0.2.1, lb.example.com
accesslog-format: json
accesslog-level: error
json-fields: [method, "who=%REQ(X-USER)%", method]
tls: &tls
  minimum-protocol-version: 1.3
  ecdh-curves: [X25519]
  fingerprint: {ja4: true}
disablePermitInsecure: true
disableMergeSlashes: true
compression: {algorithm: zstd}
timeouts:
  request-timeout: infinity
  connection-idle-timeout:
  connect-timeout: 250ms
policy:
cluster:
  circuit-breakers: {max-connections: 9}
  upstream-tls: {minimum-protocol-version: "1.3"}
network: {num-trusted-hops: 2}
listener:
  connection-balancer: exact
  socket-options: {tos: 64}
metrics:
  envoy: {port: 9002}
edge:
  request-headers-timeout: 5s
  http2-stream-window-bytes: 80000
  http2-connection-window-bytes: 70000
  headers-with-underscores: reject
  escaped-slashes: redirect
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Process.LogDebug, want.Process.API.QPS = true, 7.5
	want.Status.Addresses = []string{"192.0.2.1", "lb.example.com"}
	want.AccessLog.Format, want.AccessLog.MinStatus = "json", 300
	want.AccessLog.Fields = []ir.LogField{{Name: "method", Value: "%REQ(:METHOD)%"}, {Name: "who", Value: "%REQ(X-USER)%"}}
	want.TLS.Min, want.TLS.Curves = ir.TLS13, []string{"X25519"}
	want.Objects.DisablePermitInsecure = true
	want.HTTP.KeepSlashes, want.HTTP.Compression, want.HTTP.TrustedHops = true, ir.CompressZstd, 2
	want.Timeouts.Request = ir.Timeout{Disabled: true}
	want.Cluster.ConnectTimeout, want.Cluster.CircuitBreakers.MaxConnections = 250*time.Millisecond, 9
	want.Cluster.TLS.Min = ir.TLS13
	want.Timeouts.RequestHeaders = ir.Timeout{Duration: 5 * time.Second}
	want.HTTP.Windows, want.Cluster.Windows = ir.Windows{Stream: 80_000, Connection: 70_000}, ir.Windows{Stream: 80_000, Connection: 70_000}
	want.HTTP.Underscores, want.HTTP.EscapedSlashes = ir.RejectUnderscores, ir.RedirectEscapedSlashes
	want.Listeners.Connections = ir.ConnectionSettings{BufferLimitBytes: 32 << 10, JA4: true, ExactBalance: true, TypeOfService: 64}
	want.Listeners.Health, want.Listeners.Stats.Port = want.Listeners.Stats, 9002
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The keys for tenants that share Envoys become the configuration that they say.
func TestIsolation(t *testing.T) {
	t.Parallel()
	d, err := File("f", []byte(`
isolation:
  host-ownership: namespace
  root-namespaces-bind-ingress: true
  inclusion-consent: required
  denied-endpoint-ranges: [10.96.0.1, 10.1.2.3/8, "fd00::/8"]
`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := build(d)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Objects.NamespacesOwnHosts, want.Objects.RootNamespacesBindIngress, want.Objects.InclusionNeedsConsent = true, true, true
	want.Endpoints.Denied = []netip.Prefix{
		netip.MustParsePrefix("10.96.0.1/32"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
	}
	if !reflect.DeepEqual(want, got) {
		t.Errorf("want %+v\ngot %+v", want, got)
	}
	many := "isolation: {denied-endpoint-ranges: [" + strings.Repeat("10.0.0.1, ", maxDenied+1) + "]}"
	if d, err := File("f", []byte(many)); err == nil {
		if _, err = d.Apply(config.Default()); err == nil || !strings.Contains(err.Error(), "There are 257 ranges, more than 256.") {
			t.Errorf("many ranges: %v", err)
		}
	}
}

// An empty file sets nothing, and an empty value neither.
func TestEmptyFile(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "# nothing\n", "---\n", "tls:\n  fingerprint:\n",
		"tls:\n  envoy-client-certificate: {name: \"\", namespace: \"\"}\n",
		"metrics:\n  envoy: {ca-certificate-path: \"\"}\n",
		"policy:\n  request-headers: {set: {}, remove: []}\n",
		"rateLimitService: {extensionService: \"\", domain: contour, failOpen: true}\n",
	} {
		d, err := File("f", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got, err := build(d); err != nil || !cmp.Equal(got, config.Default()) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// No text makes the reader panic, and what is read without an error can be applied or says why not.
func FuzzFile(f *testing.F) {
	f.Add("tls: &a\n  fingerprint: *a\n")
	f.Add("json-fields: [\"a=%REQ(A)%\"]\ntimeouts: {request-timeout: 1s}\n")
	f.Add("globalExtAuth: {httpSettings: {}}\n")
	f.Fuzz(func(_ *testing.T, text string) {
		if d, err := File("f", []byte(text)); err == nil {
			_, _ = d.Apply(d.Defaults(config.Default()))
		}
	})
}
