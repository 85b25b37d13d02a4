//go:build envoy

package semantic

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	gzipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/gzip/compressor/v3"
	compressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/compressor/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/table"
)

// managed returns the configuration of an Envoy with routes and filters, as JSON, and trusted hops.
func managed(routes, filters, clusters string, hops int) func(port uint32) string {
	const text = `{"static_resources": {"listeners": [{"name": "l", "address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}},
"filter_chains": [{"filters": [{"name": "hcm", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
"stat_prefix": "a", "use_remote_address": true, "xff_num_trusted_hops": %d, "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [%s]}]},
"http_filters": [%s{"name": "router", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}]}}]}]}], "clusters": [%s]}}`
	return func(port uint32) string { return fmt.Sprintf(text, port, hops, routes, filters, clusters) }
}

// ask sends a request of HTTP/1.1, given by its lines, and returns the response without its body.
func ask(t *testing.T, address, method string, lines ...string) *http.Response {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	_ = response.Body.Close()
	return response
}

// The scheme of a redirect is that of the client, which a trusted proxy reports, and so is the standard port that is removed.
func TestSchemesOfRedirectsAsEnvoy(t *testing.T) {
	t.Parallel()
	redirects := map[string]*routev3.RedirectAction{
		"/keep":   {PathRewriteSpecifier: &routev3.RedirectAction_PathRedirect{PathRedirect: "/x"}},
		"/secure": {PathRewriteSpecifier: &routev3.RedirectAction_PathRedirect{PathRedirect: "/x"}, SchemeRewriteSpecifier: &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true}},
	}
	const routes = `{"match": {"path": "/keep"}, "redirect": {"path_redirect": "/x"}}, {"match": {"path": "/secure"}, "redirect": {"path_redirect": "/x", "https_redirect": true}}`
	seen := map[string]bool{}
	for hops := range 2 {
		address := startEnvoy(t, managed(routes, "", "", hops))
		for path, action := range redirects {
			for _, host := range []string{"a", "a:80", "a:443"} {
				for _, scheme := range []string{"", "http", "https", "HTTPS", "ftp", "https, http"} {
					r := Request{Host: host, Path: path, Headers: map[string]string{}}
					lines := []string{"GET " + path + " HTTP/1.1", "Host: " + host}
					if scheme != "" {
						r.Headers["X-Forwarded-Proto"] = scheme
						lines = append(lines, "X-Forwarded-Proto: "+scheme)
					}
					x, err := (&Envoy{}).receive(r)
					if err != nil {
						t.Fatal(err)
					}
					x.locateClient(&hcmv3.HttpConnectionManager{XffNumTrustedHops: uint32(hops)})
					got, err := x.location(action, &routev3.RouteMatch{})
					seen[got] = true
					if want := ask(t, address, "GET", lines...).Header.Get("Location"); err != nil || got != want {
						t.Errorf("%d trusted hops, %s%s from a client of %q: Envoy %s, the model %s (%v)", hops, host, path, scheme, want, got, err)
					}
				}
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("the locations are only %v", seen)
	}
}

// Envoy compresses the bodies of its own responses from 30 bytes on for clients that prefer that.
func TestLocalRepliesAreCompressedAsEnvoy(t *testing.T) {
	t.Parallel()
	const filter = `{"name": "compressor", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.compressor.v3.Compressor",
"response_direction_config": {"common_config": {"content_type": ["text/plain"]}}, "compressor_library": {"name": "gzip", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"}}}}`
	f := &hcmv3.HttpFilter{}
	if err := protojson.Unmarshal([]byte(filter), f); err != nil {
		t.Fatal(err)
	}
	c := &compressorv3.Compressor{}
	if err := f.GetTypedConfig().UnmarshalTo(c); err != nil || !c.GetCompressorLibrary().GetTypedConfig().MessageIs((*gzipv3.Gzip)(nil)) {
		t.Fatalf("no filter that compresses: %v (%v)", c, err)
	}
	var routes []string
	sizes := []int{29, 30, 100}
	for _, n := range sizes {
		routes = append(routes, fmt.Sprintf(`{"match": {"path": "/%d"}, "direct_response": {"status": 200, "body": {"inline_string": %q}}}`, n, strings.Repeat("a", n)))
	}
	address := startEnvoy(t, managed(strings.Join(routes, ", "), filter+", ", "", 0))
	seen := map[string]bool{}
	for _, n := range sizes {
		for _, method := range []string{"GET", "HEAD"} {
			for _, accepted := range []string{
				"", "gzip", "br", "*", "gzip;q=0", "*;q=0", "gzip;q=0, *", "identity, gzip", "gzip, identity", "identity;q=0.1, gzip;q=0.2", "br;q=1, gzip;q=0.5", "deflate, gzip;q=0.5, *;q=0",
			} {
				x, err := (&Envoy{}).receive(Request{Host: "a", Method: method, Headers: map[string]string{"Accept-Encoding": accepted}})
				if err != nil {
					t.Fatal(err)
				}
				x.filters = []*hcmv3.HttpFilter{f}
				a := Answer{Status: 200, Body: strings.Repeat("a", n)}
				if err := x.compress(&a); err != nil {
					t.Fatal(err)
				}
				got := a.Changes.Set["content-encoding"]
				seen[got] = true
				if want := ask(t, address, method, fmt.Sprintf("%s /%d HTTP/1.1", method, n), "Host: a", "Accept-Encoding: "+accepted).Header.Get("Content-Encoding"); got != want {
					t.Errorf("%s of %d bytes for %q: Envoy %q, the model %q", method, n, accepted, want, got)
				}
			}
		}
	}
	if len(seen) != 2 {
		t.Errorf("the encodings are only %v", seen)
	}
}

// The filter for gRPC-Web withholds the response of a backend to an upgrade: the backend accepts it, the client does not receive that. What
// the client receives in the end depends on when the backend closes the connection, which the model does not know.
func TestUpgradesOfGRPCWebAsEnvoy(t *testing.T) {
	t.Parallel()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	go acceptUpgrades(backend)
	cluster := fmt.Sprintf(`{"name": "c", "type": "STATIC", "load_assignment": {"cluster_name": "c", "endpoints": [{"lb_endpoints": [
{"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": %d}}}}]}]}}`, backend.Addr().(*net.TCPAddr).Port)
	const filter = `{"name": "grpc_web", "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"}}, `
	const route = `{"match": {"prefix": "/"}, "route": {"cluster": "c", "upgrade_configs": [{"upgrade_type": "websocket"}]}}`
	address := startEnvoy(t, managed(route, filter, cluster, 0))
	for kind, withheld := range map[string]bool{"application/grpc-web": true, "application/grpc-web-text+proto": true, "application/grpc": false, "text/plain": false} {
		status := ask(t, address, "GET", "GET / HTTP/1.1", "Host: a", "Connection: upgrade", "Upgrade: websocket", "Content-Type: "+kind).StatusCode
		if want := map[bool]int{true: 503, false: 101}[withheld]; status != want {
			t.Errorf("%s: Envoy answers with %d, want %d", kind, status, want)
		}
		x, err := routedTo(t, "c").receive(Request{Host: "a", Upgrade: "websocket", Headers: map[string]string{"content-type": kind}})
		if err != nil {
			t.Fatal(err)
		}
		x.bridgeWeb()
		r := &routev3.Route{}
		if err := protojson.Unmarshal([]byte(route), r); err != nil {
			t.Fatal(err)
		}
		x.matched = &routev3.VirtualHost{}
		a, err := x.forward(Answer{}, &routev3.RouteConfiguration{}, r, r.GetRoute())
		if (err != nil) != withheld || !withheld && a.Status != 101 {
			t.Errorf("%s: the model answers with %d, %v", kind, a.Status, err)
		}
	}
}

// acceptUpgrades answers every request with 101, and closes the connection.
func acceptUpgrades(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
		}
		_ = c.Close()
	}
}

// routedTo returns a model with a cluster that has an endpoint.
func routedTo(t *testing.T, name string) *Envoy {
	t.Helper()
	var resources []Resource
	for kind, m := range map[table.Type]struct {
		message proto.Message
		text    string
	}{
		table.Cluster:  {&clusterv3.Cluster{}, `{"name": %[1]q, "type": "EDS", "eds_cluster_config": {"service_name": %[1]q}}`},
		table.Endpoint: {&endpointv3.ClusterLoadAssignment{}, `{"cluster_name": %q, "endpoints": [{"lb_endpoints": [{}]}]}`},
	} {

		if err := protojson.Unmarshal(fmt.Appendf(nil, m.text, name), m.message); err != nil {
			t.Fatal(err)
		}
		body, err := proto.Marshal(m.message)
		if err != nil {
			t.Fatal(err)
		}
		resources = append(resources, Resource{Ref: table.Ref{Type: kind, Name: name}, Body: body})
	}
	e, err := New(resources)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
