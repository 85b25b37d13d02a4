//go:build local && counterpart

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/traffic"
)

const policyHost = "policy.example"

// policy decides by a header, the path and the context of the route, and lets Envoy overwrite the header that names the user. Its
// parameters are the users who are banned and what an answer says of the policy.
const policy = `
package envoy.authz

request := input.attributes.request.http
team := object.get(input.attributes, ["contextExtensions", "team"], "")
tier := object.get(input.attributes, ["contextExtensions", "tier"], "")
teams := {"ann": {"red", "blue"}, "bob": {"red"}, "eve": {"red", "blue"}}
banned := {%q}

user := trim_prefix(request.headers.authorization, "User ") if startswith(request.headers.authorization, "User ")

member if team in teams[user]

deleting if {
	request.method == "DELETE"
	tier != "admin"
}

default allow := {"allowed": false, "http_status": 401, "headers": {"www-authenticate": "User"}, "body": "Who are you?"}

allow := {"allowed": false, "http_status": 403, "body": sprintf("%%s is banned.", [user])} if user in banned

allow := {"allowed": false, "http_status": 404, "body": sprintf("Nothing for %%s at %%s.", [team, request.path])} if {
	not user in banned
	not member
	user
}

allow := {"allowed": false, "http_status": 405, "headers": {"allow": "GET"}} if {
	not user in banned
	member
	deleting
}

allow := {"allowed": true, "headers": {"x-user": user}, "response_headers_to_add": {"x-policy": %q}} if {
	not user in banned
	member
	not deleting
}
`

// The Open Policy Agent authorizes by gRPC: its policy decides by header, method, path and the context of host and route, which has
// the keys of both; Envoy answers with its status, headers and body, and the backend receives the header that it sets, whatever the
// client says. A new policy applies without a failed request, a broken one changes nothing, and one that decides nothing closes the
// host. While the agent is away the host is closed, its exempt route and other hosts are not, and it recovers within a second.
func TestCounterpartOpenPolicyAgent(t *testing.T) {
	f := newFixture(t, shared)
	b := f.newBundle()
	b.publish(t, fmt.Sprintf(policy, "mallory", "first"))
	agent := f.newAgent(b)
	f.service("shop", f.server("shop", "0"))
	f.extensionAt("opa", "h2c", agent.address)
	f.certificate("cert", policyHost)
	f.decidedHost()
	f.until(asUser("/", "ann"), ok)

	a := f.once(asUser("/", "ann"))
	if got := a.Echo.Headers.Values("X-User"); len(got) != 1 || got[0] != "ann" || a.Headers.Get("X-Policy") != "first" {
		t.Errorf("the backend receives the user %q, the client the policy %q; want ann, first", got, a.Headers.Get("X-Policy"))
	}
	f.decides(asUser("/", ""), 401, "Www-Authenticate", "User", "Who are you?")
	f.decides(asUser("/", "bob"), 200, "X-Policy", "first", "")
	f.decides(asUser("/blue/a?b=c", "bob"), 404, "", "", "Nothing for blue at /blue/a?b=c.")
	f.decides(asUser("/blue", "ann"), 200, "X-Policy", "first", "")
	remove := asUser("/", "ann")
	remove.Method = http.MethodDelete
	f.decides(remove, 405, "Allow", "GET", "")
	remove.Path = "/admin" // adds tier to the context of the host
	f.decides(remove, 200, "X-Policy", "first", "")
	f.decides(asUser("/public", ""), 200, "X-Policy", "", "")

	steady := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: asUser("/", "ann"), Rate: 100, Check: ok})
	f.decides(asUser("/", "eve"), 200, "X-Policy", "first", "")
	b.publish(t, fmt.Sprintf(policy, "eve", "second"))
	f.eventually(asUser("/", "eve"), 403, seen)
	f.decides(asUser("/", "eve"), 403, "", "", "eve is banned.")
	f.decides(asUser("/", "ann"), 200, "X-Policy", "second", "")
	b.publish(t, "package envoy.authz\nallow if {")
	b.polled(f)
	f.decides(asUser("/", "eve"), 403, "", "", "eve is banned.")
	if report := steady.Stop(); !report.Lossless(100) {
		t.Errorf("requests were lost while policies changed:\n%s", report)
	}

	exempt := load.Start(t.Context(), load.Options{Client: f.s.Traffic, Request: asUser("/public", ""), Rate: 50, Check: ok})
	b.publish(t, "package envoy.authz\nother := true")
	f.eventually(asUser("/", "ann"), 503, seen)
	b.publish(t, fmt.Sprintf(policy, "eve", "third"))
	f.eventually(asUser("/", "ann"), 200, seen)
	agent.stop(t)
	f.status(asUser("/", "ann"), 503)
	agent.start(t)
	f.eventually(asUser("/", "ann"), 200, recovery)
	f.eventually(asUser("/", ""), 401, recovery)
	if report := exempt.Stop(); !report.Lossless(50) {
		t.Errorf("exempt route:\n%s", report)
	}
}

// newAgent starts the agent, which polls the bundle every second.
func (f *fixture) newAgent(b *bundle) *counterpart {
	f.t.Helper()
	config := filepath.Join(f.t.TempDir(), "opa.yaml")
	text := fmt.Sprintf(`
services: {tests: {url: "http://%s"}}
bundles: {authz: {service: tests, resource: bundle.tar.gz, polling: {min_delay_seconds: 1, max_delay_seconds: 1}}}
`, b.address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return f.newCounterpart("opa", func(at netip.AddrPort) []string {
		return []string{"-address=" + at.String(), "-config=" + config, "-decision=/envoy/authz/allow"}
	})
}

func (f *fixture) decidedHost() {
	f.t.Helper()
	f.apply(`
apiVersion: projectcontour.io/v1
kind: HTTPProxy
metadata: {name: policy}
spec:
  virtualhost:
    fqdn: %s
    tls: {secretName: cert}
    authorization: {extensionRef: {name: opa}, responseTimeout: 5s, authPolicy: {context: {team: red}}}
  routes:
  - {services: [{name: shop, port: 80}]}
  - {conditions: [{prefix: /blue}], services: [{name: shop, port: 80}], authPolicy: {context: {team: blue}}}
  - {conditions: [{prefix: /admin}], services: [{name: shop, port: 80}], authPolicy: {context: {tier: admin}}}
  - {conditions: [{prefix: /public}], services: [{name: shop, port: 80}], authPolicy: {disabled: true}}
`, policyHost)
}

// asUser is a request of that user, who claims to be another one to the backend.
func asUser(path, user string) traffic.Request {
	r := traffic.Request{Host: policyHost, Path: path, TLS: &traffic.TLS{}, Headers: http.Header{"X-User": {"root"}}, Timeout: 2 * time.Second}
	if user != "" {
		r.Headers.Set("Authorization", "User "+user)
	}
	return r
}

// decides checks the answer to one request: its status, a header if that has a name, and its body if it is not of the backend.
func (f *fixture) decides(r traffic.Request, status int, header, value, body string) {
	f.t.Helper()
	a := f.once(r)
	if a.Status != status || header != "" && a.Headers.Get(header) != value || (a.Backend() == "") != (status != http.StatusOK) {
		f.t.Errorf("%s %s: %s, %s %q; want status %d, %q", r.Method, r.Path, a, header, a.Headers.Get(header), status, value)
	}
	if got := string(a.Body); body != "" && got != body {
		f.t.Errorf("%s %s: the body is %q, want %q", r.Method, r.Path, got, body)
	}
}

// bundle is a server of bundles of a policy.
type bundle struct {
	address string

	mu    sync.Mutex
	text  []byte
	etag  string
	polls int // since the last one was published
}

func (f *fixture) newBundle() *bundle {
	f.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	b := &bundle{address: l.Addr().String()}
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: b}
	go func() { _ = server.Serve(l) }()
	f.t.Cleanup(func() { _ = server.Close() })
	return b
}

func (b *bundle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.polls++
	w.Header().Set("Etag", b.etag)
	if r.Header.Get("If-None-Match") == b.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(b.text)
}

// publish replaces the bundle by one of that policy.
func (b *bundle) publish(t *testing.T, policy string) {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	if err := files.WriteHeader(&tar.Header{Name: "/policy.rego", Mode: 0o600, Size: int64(len(policy))}); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Write([]byte(policy)); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text, b.polls, b.etag = out.Bytes(), 0, fmt.Sprintf("%q", fmt.Sprint(time.Now().UnixNano()))
}

// polled waits until the agent has asked for the bundle and dealt with it.
func (b *bundle) polled(f *fixture) {
	f.t.Helper()
	f.wait("polls of the bundle", seen, func() bool { b.mu.Lock(); defer b.mu.Unlock(); return b.polls > 2 })
}
