//go:build envoy

package translate

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/randomtest"
	"contour.example/contour/internal/xds/table"
)

// fakeADS responds to every subscription with the same resources, and records rejections.
type fakeADS struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	resources []*table.Resource
	messages  map[table.Ref]*anypb.Any
	nacks     chan string
	acks      chan table.Type
}

func newADS(t *testing.T, resources []*table.Resource) *fakeADS {
	s := &fakeADS{resources: resources, messages: map[table.Ref]*anypb.Any{}, nacks: make(chan string, 100), acks: make(chan table.Type, 1000)}
	for _, r := range resources {
		body, err := proto.Marshal(decode(t, r))
		if err != nil {
			t.Fatal(err)
		}
		s.messages[r.Ref] = &anypb.Any{TypeUrl: r.Ref.Type.URL(), Value: body}
	}
	return s
}

func (s *fakeADS) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	seen := map[table.Type]bool{}
	for nonce := 0; ; nonce++ {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		typ, _ := table.TypeOf(req.GetTypeUrl())
		switch {
		case req.GetErrorDetail() != nil:
			s.nacks <- typ.String() + ": " + req.GetErrorDetail().GetMessage()
		case req.GetResponseNonce() != "":
			s.acks <- typ
		}
		if seen[typ] && len(req.GetResourceNamesSubscribe()) == 0 {
			continue
		}
		seen[typ] = true
		resp := s.answer(typ, req.GetResourceNamesSubscribe())
		resp.TypeUrl, resp.Nonce = req.GetTypeUrl(), fmt.Sprint(nonce)
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (s *fakeADS) answer(typ table.Type, names []string) *discoveryv3.DeltaDiscoveryResponse {
	resp := &discoveryv3.DeltaDiscoveryResponse{}
	for _, r := range s.resources {
		if r.Ref.Type == typ && (len(names) == 0 || slices.Contains(names, r.Ref.Name)) {
			resp.Resources = append(resp.Resources, &discoveryv3.Resource{Name: r.Ref.Name, Version: "1", Resource: s.messages[r.Ref]})
		}
	}
	for _, n := range names {
		if _, ok := s.messages[table.Ref{Type: typ, Name: n}]; !ok {
			resp.RemovedResources = append(resp.RemovedResources, n)
		}
	}
	return resp
}

// envoy is a running Envoy.
type envoy struct {
	*fakeADS
	at listeners
}

// local returns listeners on free ports of the loopback.
func local(t *testing.T) listeners {
	l := classicListeners()
	l.each(func(of *ir.Listener) {
		of.Addresses, of.Port = []string{"127.0.0.1"}, envoytest.FreePort(t)
		of.Client.AccessLog = ir.AccessLog{Path: filepath.Join(t.TempDir(), of.Key.Name+".log"), LogFormat: ir.LogFormat{Format: "json"}}
	})
	return l
}

// start runs an Envoy with the resources until the test ends, and waits until it is ready.
func start(t *testing.T, at listeners, resources []*table.Resource) *envoy {
	t.Helper()
	e := &envoy{fakeADS: newADS(t, resources), at: at}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, e.fakeADS)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)

	dir := t.TempDir()
	file := filepath.Join(dir, "envoy.json")
	if err := os.WriteFile(file, bootstrap(l.Addr().(*net.TCPAddr).Port, filepath.Join(dir, "admin.sock")), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "envoy.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(envoytest.Path(t), "-c", file, "--concurrency", "1", "--log-level", "warning", "--disable-hot-restart",
		"--service-node", "test", "--service-cluster", "test")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if text, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("Envoy's log:\n%s", text)
		}
	})
	e.await(t)
	return e
}

// await polls until Envoy is ready, and fails if it rejected a resource.
func (e *envoy) await(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for status := "no answer"; ; {
		if resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/ready", e.at.stats.Port)); err == nil {
			status = resp.Status
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		if time.Now().After(deadline) {
			t.Errorf("Envoy is not ready: %s", status)
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	e.checkRejections(t)
}

func (e *envoy) checkRejections(t *testing.T) {
	t.Helper()
	for {
		select {
		case n := <-e.nacks:
			t.Errorf("Envoy rejected: %s", n)
		default:
			return
		}
	}
}

func bootstrap(port int, admin string) []byte {
	pipe := fmt.Sprintf(`{"pipe":{"path":%q}}`, admin)
	cluster := func(name, options, address string) string {
		return fmt.Sprintf(`{"name":%q,"type":"STATIC","connect_timeout":"5s"%s,"load_assignment":{"cluster_name":%q,"endpoints":[{"lb_endpoints":[{"endpoint":{"address":%s}}]}]}}`,
			name, options, name, address)
	}
	http2 := `,"typed_extension_protocol_options":{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":{"@type":"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions","explicit_http_config":{"http2_protocol_options":{}}}}`
	return []byte(fmt.Sprintf(`{"admin":{"address":%s},
"dynamic_resources":{"ads_config":{"api_type":"DELTA_GRPC","transport_api_version":"V3","grpc_services":[{"envoy_grpc":{"cluster_name":"xds"}}]},
"cds_config":{"ads":{},"resource_api_version":"V3"},"lds_config":{"ads":{},"resource_api_version":"V3"}},
"static_resources":{"clusters":[%s,%s]}}`, pipe,
		cluster("xds", http2, fmt.Sprintf(`{"socket_address":{"address":"127.0.0.1","port_value":%d}}`, port)), cluster(adminName, "", pipe)))
}

// seenBy is the request as a backend received it.
type seenBy struct {
	Backend, Host, Path, Proto string
	Header                     http.Header
}

func echo(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(seenBy{Backend: name, Host: r.Host, Path: r.URL.Path, Proto: r.Proto, Header: r.Header})
	}
}

// backend starts a server for HTTP/1.1 and HTTP/2, with TLS if there is a certificate, and makes it the endpoint of app/name.
func (fx *fixture) backend(t *testing.T, name string, cert ...[]byte) {
	t.Helper()
	s := httptest.NewUnstartedServer(echo(name))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.Protocols.SetHTTP2(true)
	if len(cert) == 2 {
		pair, err := tls.X509KeyPair(cert[0], cert[1])
		if err != nil {
			t.Fatal(err)
		}
		s.EnableHTTP2 = true
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	portName, port := "http", int32(s.Listener.Addr().(*net.TCPAddr).Port)
	fx.slices.Set(kobj.Name{Namespace: "app", Name: name}, []*discoveryv1.EndpointSlice{{
		Ports:     []discoveryv1.EndpointPort{{Name: &portName, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
	}})
}

// request sends one request for the URL, with the authority if it is not empty.
func (e *envoy) request(t *testing.T, url, authority string, h2 bool) (*http.Response, seenBy) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	port := e.at.http.Port
	if req.URL.Scheme == "https" {
		port = e.at.https.Port
	}
	if authority != "" {
		req.Host = authority
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2, DisableKeepAlives: true,
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Errorf("%s as %q: %v", url, authority, err)
		return &http.Response{Header: http.Header{}}, seenBy{}
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var seen seenBy
	_ = json.Unmarshal(body, &seen)
	return resp, seen
}

// served returns a fixture with hosts of each kind.
func served(t *testing.T) *fixture {
	fx := newFixture()
	for _, s := range []string{"web", "a", "h2c"} {
		fx.backend(t, s)
	}
	chain, key := issued(t, "backend.internal")
	fx.backend(t, "secure", chain, key)
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{chain: string(chain)})
	chain, key = issued(t, "tls.example.com", "*.example.com")
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "cert"}, pair{string(chain), string(key)})

	rewritten := func(path, by string) ir.Route {
		f := to("web")
		f.Rewrite = &ir.PathRewrite{Prefix: by}
		return ir.Route{Match: segment(path), Forward: f}
	}
	h2c, verified, wrong := service("h2c"), service("secure"), service("secure")
	h2c.Protocol = ir.ProtocolH2C
	verified.Protocol, verified.SNI = ir.ProtocolH2, "backend.internal"
	verified.TLS = ir.UpstreamTLS{CA: kobj.Name{Namespace: "app", Name: "ca"}, Names: ir.NewList("backend.internal")}
	wrong.Protocol, wrong.TLS = ir.ProtocolTLS, ir.UpstreamTLS{CA: verified.TLS.CA, Names: ir.NewList("other.internal")}
	edited := to("a")
	edited.Backends[0].RequestHeaders = ir.HeaderEdits{Set: []ir.Header{{Name: "X-Backend", Value: "100%%"}}}
	root := ir.Route{Match: prefix("/"), Forward: to("web"), Origin: kobj.Of(kobj.HTTPProxy, "app", "root")}
	fx.set(
		httpHost("exact.example.com",
			ir.Route{Match: segment("/seg"), Forward: edited, RequestHeaders: ir.HeaderEdits{Set: []ir.Header{{Name: "X-Route", Value: "%PROTOCOL%"}}}},
			ir.Route{Match: prefix("/big"), Direct: &ir.Direct{Code: 299, Body: strings.Repeat("x", 100000)}},
			rewritten("/old", "/"), rewritten("/older", "/newer/"),
			ir.Route{Match: prefix("/h2c"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: h2c}}}},
			ir.Route{Match: prefix("/verified"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: verified}}}},
			ir.Route{Match: prefix("/wrong"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: wrong}}}},
			ir.Route{Match: prefix("/none"), Forward: to("without-endpoints")},
			root,
		),
		httpHost("*.wild.example.com", root),
		httpHost("redirect.example.com", ir.Route{Match: prefix("/"), Redirect: &ir.Redirect{HTTPS: true, Code: 301}}),
		httpHost("*.redirect.example.com", ir.Route{Match: prefix("/"), Redirect: &ir.Redirect{HTTPS: true, Code: 301}}),
		httpsHost("tls.example.com", root), httpsHost("*.example.com", root),
		passthrough("raw.example.com", ir.Backend{Cluster: service("secure"), Weight: 1}),
		terminatedTCP("tcp.example.com", ir.Backend{Cluster: service("a"), Weight: 1}),
	)
	return fx
}

func TestEnvoyServesTheModel(t *testing.T) {
	fx := served(t)
	at := local(t)
	fx.listen(at)
	fx.run()
	e := start(t, at, fx.all())

	for _, c := range []struct {
		what, url, authority string
		h2                   bool
		code                 int
		want                 seenBy
		location             string
	}{
		{what: "a route", url: "http://exact.example.com/x", code: 200, want: seenBy{Backend: "web", Path: "/x"}},
		{what: "port and case of the host do not matter", url: "http://EXACT.example.com:8080/x", code: 200, want: seenBy{Backend: "web", Path: "/x"}},
		{what: "an unknown host", url: "http://unknown.example.com/", code: 404},
		{what: "a whole segment", url: "http://exact.example.com/seg/ment", code: 200, want: seenBy{Backend: "a", Path: "/seg/ment"}},
		{what: "half a segment", url: "http://exact.example.com/segment", code: 200, want: seenBy{Backend: "web", Path: "/segment"}},
		{what: "a large direct response", url: "http://exact.example.com/big", code: 299},
		{what: "a prefix replaced by the root", url: "http://exact.example.com/old/x", code: 200, want: seenBy{Backend: "web", Path: "/x"}},
		{what: "the prefix itself replaced by the root", url: "http://exact.example.com/old", code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "a prefix replaced", url: "http://exact.example.com/older/x", code: 200, want: seenBy{Backend: "web", Path: "/newer/x"}},
		{what: "HTTP/2 to the backend", url: "http://exact.example.com/h2c", code: 200, want: seenBy{Backend: "h2c", Path: "/h2c", Proto: "HTTP/2.0"}},
		{what: "a verified backend", url: "http://exact.example.com/verified", code: 200, want: seenBy{Backend: "secure", Path: "/verified", Proto: "HTTP/2.0"}},
		{what: "a backend with a wrong name", url: "http://exact.example.com/wrong", code: 503},
		{what: "no endpoints", url: "http://exact.example.com/none", code: 503},
		{what: "one label below a wildcard", url: "http://a.wild.example.com:80/", code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "one label below a wildcard, upper case", url: "http://A.WILD.example.com/", code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "two labels below a wildcard", url: "http://a.b.wild.example.com/", code: 404},
		{what: "to https, from any port", url: "http://redirect.example.com:8080/x?y", code: 301, location: "https://redirect.example.com/x?y"},
		{what: "to https, below a wildcard", url: "http://a.redirect.example.com:8080/x", code: 301, location: "https://a.redirect.example.com:443/x"},
		{what: "a TLS host", url: "https://tls.example.com/", code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "a TLS host over HTTP/2", url: "https://tls.example.com/", h2: true, code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "another host on a TLS connection", url: "https://tls.example.com/", authority: "a.example.com", code: 421},
		{what: "another host on a TLS connection over HTTP/2", url: "https://tls.example.com/", authority: "a.example.com", h2: true, code: 421},
		{what: "a TLS host with a port", url: "https://tls.example.com/", authority: "TLS.example.com:8443", code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "below a TLS wildcard", url: "https://a.example.com/", authority: "A.example.com:8443", h2: true, code: 200, want: seenBy{Backend: "web", Path: "/"}},
		{what: "a sibling below a TLS wildcard", url: "https://a.example.com/", authority: "b.example.com", h2: true, code: 421},
		{what: "an unknown host on the connection of a TLS wildcard", url: "https://a.example.com/", authority: "example.org", code: 421},
		{what: "passthrough", url: "https://raw.example.com/", h2: true, code: 200, want: seenBy{Backend: "secure", Path: "/", Proto: "HTTP/2.0"}},
		{what: "TCP behind TLS", url: "https://tcp.example.com/", code: 200, want: seenBy{Backend: "a", Path: "/"}},
	} {
		resp, seen := e.request(t, c.url, c.authority, c.h2)
		if resp.StatusCode != c.code || seen.Backend != c.want.Backend || seen.Path != c.want.Path || c.want.Proto != "" && seen.Proto != c.want.Proto {
			t.Errorf("%s: %s as %q: %d %+v, want %d %+v", c.what, c.url, c.authority, resp.StatusCode, seen, c.code, c.want)
		}
		if got := resp.Header.Get("Location"); got != c.location {
			t.Errorf("%s: location %q, want %q", c.what, got, c.location)
		}
	}
	e.checkHeaders(t)
	e.checkStats(t)
	e.checkLog(t)
	e.checkRejections(t)
}

func (e *envoy) checkHeaders(t *testing.T) {
	t.Helper()
	_, seen := e.request(t, "http://exact.example.com/seg", "", false)
	for name, want := range map[string]string{"X-Route": "HTTP/1.1", "X-Backend": "100%"} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("request header %s is %q, want %q", name, got, want)
		}
	}
	if got := seen.Header.Get("X-Request-Start"); !strings.HasPrefix(got, "t=1") || len(got) != len("t=1790000000.000") {
		t.Errorf("x-request-start is %q", got)
	}
}

// checkStats checks which paths of Envoy's admin interface the stats listener serves.
func (e *envoy) checkStats(t *testing.T) {
	t.Helper()
	for path, want := range map[string]int{
		"/ready": 200, "/stats?filter=cluster": 200, "/stats/prometheus": 200, "/stats/recentlookups": 404,
		"/": 404, "/quitquitquit": 404, "/config_dump": 404, "/stats/../config_dump": 404, "/ready/": 404, "/stats%2f..%2fconfig_dump": 404,
	} {
		resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", e.at.stats.Port, path))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("stats listener, %s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

// checkLog waits for the first line of the access log and compares the names of its fields.
func (e *envoy) checkLog(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		f, err := os.Open(e.at.http.Client.AccessLog.Path)
		if err == nil {
			line, err := bufio.NewReader(f).ReadBytes('\n')
			f.Close()
			if err == nil {
				checkLine(t, line)
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("no line in the access log")
		}
		<-time.After(50 * time.Millisecond)
	}
}

func checkLine(t *testing.T, line []byte) {
	t.Helper()
	fields := map[string]any{}
	if err := json.Unmarshal(line, &fields); err != nil {
		t.Fatal(err)
	}
	if len(fields) != 23 || fields["authority"] != "exact.example.com" || fields["path"] != "/x" {
		t.Errorf("access log: %d fields: %s", len(fields), line)
	}
}

// TestEnvoyAcceptsValidResources sends Envoy the resources of the goldens and of random values.
func TestEnvoyAcceptsValidResources(t *testing.T) {
	fx := newFixture()
	r := newRandom(randomtest.Seed(t))
	chain, key := issued(t, "a.example.com")
	for _, a := range append(r.texts, "app") {
		for _, b := range append(r.texts, "cert") {
			fx.secrets.Set(kobj.Name{Namespace: a, Name: b}, pair{string(chain), string(key)})
		}
	}
	fx.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{chain: string(chain)})
	for range 60 {
		fx.set(r.host())
	}
	fx.set(
		httpHost("match.example.com", matches()...), httpHost("old.example.com", redirects()...),
		httpHost("answer.example.com", answers()...), httpHost("forward.example.com", forwards()...),
		httpsHost("tls.example.com", matches()...),
	)
	for i, c := range manyClusters() {
		fx.set(httpHost(fmt.Sprintf("c%d.example.com", i), ir.Route{Match: prefix("/"), Forward: &ir.Forward{Backends: []ir.Backend{{Cluster: c}}}}))
	}
	at := local(t)
	fx.listen(at)
	fx.run()
	e := start(t, at, fx.all())
	seen := map[table.Type]bool{}
	for range len(e.acks) {
		seen[<-e.acks] = true
	}
	for _, typ := range table.Types() {
		if !seen[typ] && typ != table.Runtime { // the bootstrap of these tests has no runtime layer to discover
			t.Errorf("Envoy accepted no %s response", typ)
		}
	}
}
