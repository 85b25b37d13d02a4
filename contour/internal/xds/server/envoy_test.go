//go:build envoy

package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
	"contour.example/contour/internal/xds/translate"
)

// proxy is a real Envoy, configured by the fixture's table.
type proxy struct {
	*fixture
	http, https string // addresses of the listeners
	xds         string
	backend     string
	sent        chan table.Type // one for each response
}

func startEnvoy(t *testing.T) *proxy {
	t.Helper()
	p := startServer(t)
	p.launch("envoy", "{}")
	return p
}

// startServer is startEnvoy without the Envoy.
func startServer(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{http: freeAddress(t), https: freeAddress(t)}
	p.xds = freeAddress(t)
	p.sent = make(chan table.Type, 10_000)
	p.fixture = start(t, server.Options{Hooks: server.Hooks{Sent: func(typ table.Type, _, _, _ int) { p.sent <- typ }}})
	listener, err := net.Listen("tcp", p.xds)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.grpc.Serve(listener) }()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	t.Cleanup(backend.Close)
	p.backend = backend.Listener.Addr().String()
	return p
}

// launch starts an Envoy with that node name and these runtime settings. The returned function stops it.
func (p *proxy) launch(node, runtime string) (stop func()) {
	p.t.Helper()
	host, port, _ := net.SplitHostPort(p.xds)
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, envoytest.Path(p.t), "--use-dynamic-base-id", "--concurrency", "1", "-l", "error",
		"--config-yaml", fmt.Sprintf(bootstrap, node, runtime, host, port))
	command.Stderr = os.Stderr
	command.Env = append(os.Environ(), "NODE="+node)
	if err := command.Start(); err != nil {
		cancel()
		p.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { cancel(); _ = command.Wait() })
	p.t.Cleanup(stop)
	return stop
}

const bootstrap = `{
 "node": {"id": "%s", "cluster": "test"},
 "layered_runtime": {"layers": [{"name": "test", "static_layer": %s}]},
 "dynamic_resources": {
  "ads_config": {"api_type": "DELTA_GRPC", "transport_api_version": "V3", "grpc_services": [{"envoy_grpc": {"cluster_name": "xds"}}]},
  "cds_config": {"ads": {}, "resource_api_version": "V3"},
  "lds_config": {"ads": {}, "resource_api_version": "V3"}},
 "static_resources": {"clusters": [{
  "name": "xds", "type": "STATIC", "connect_timeout": "1s",
  "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
   "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config": {"http2_protocol_options": {}}}},
  "load_assignment": {"cluster_name": "xds", "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": {"address": "%s", "port_value": %s}}}}]}]}}]}}`

// restart replaces the xDS server, as another process would.
func (p *proxy) restart(by *server.Server) {
	p.t.Helper()
	p.grpc.Stop()
	next := grpc.NewServer(server.GRPCOptions()...)
	by.Register(next)
	listener, err := net.Listen("tcp", p.xds)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(next.Stop)
	go func() { _ = next.Serve(listener) }()
}

func freeAddress(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t))
}

func encode(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wrap(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	a, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{ResourceApiVersion: corev3.ApiVersion_V3, ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
}

func address(t *testing.T, hostPort string) *corev3.Address {
	t.Helper()
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		t.Fatal(err)
	}
	var port uint32
	if _, err := fmt.Sscan(text, &port); err != nil {
		t.Fatal(err)
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: host, PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: port},
	}}}
}

func ref(t table.Type, name string) table.Ref { return table.Ref{Type: t, Name: name} }

// edsCluster is a cluster and its endpoint.
func (p *proxy) edsCluster(name string) []*table.Resource {
	c := &clusterv3.Cluster{
		Name: name, ConnectTimeout: durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()},
	}
	return []*table.Resource{
		{Ref: ref(table.Cluster, name), Body: encode(p.t, c), Needs: []table.Ref{ref(table.Endpoint, name)}},
		{Ref: ref(table.Endpoint, name), Body: encode(p.t, p.endpoints(name, p.backend))},
	}
}

func (p *proxy) endpoints(name, at string) *endpointv3.ClusterLoadAssignment {
	return &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{
		LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: address(p.t, at)}}}},
	}}}
}

func (p *proxy) staticCluster(name, at string) *table.Resource {
	c := &clusterv3.Cluster{
		Name: name, ConnectTimeout: durationpb.New(time.Second),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}, LoadAssignment: p.endpoints(name, at),
	}
	return &table.Resource{Ref: ref(table.Cluster, name), Body: encode(p.t, c)}
}

// host is a virtual host that sends what matches the regex to the cluster.
func (p *proxy) host(name, regex, cluster string) table.Part {
	return table.Part{Name: name, Needs: []table.Ref{ref(table.Cluster, cluster)}, Body: encode(p.t, &routev3.VirtualHost{
		Name: name, Domains: []string{name},
		Routes: []*routev3.Route{{
			Match:  &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: regex}}},
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster}}},
		}},
	})}
}

func (p *proxy) routes(hosts ...table.Part) *table.Resource {
	return &table.Resource{Ref: ref(table.Route, "rc"), Body: encode(p.t, &routev3.RouteConfiguration{
		Name: "rc", ResponseHeadersToAdd: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "node", Value: "%ENVIRONMENT(NODE)%"}}},
	}), Field: 2, Parts: hosts}
}

// chain is a filter chain; with a secret it is for TLS with that name as SNI.
func (p *proxy) chain(name, secret string) table.Part {
	c := &listenerv3.FilterChain{Name: name, Filters: []*listenerv3.Filter{{
		Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: wrap(p.t, &hcmv3.HttpConnectionManager{
			StatPrefix: "test",
			RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{
				Rds: &hcmv3.Rds{RouteConfigName: "rc", ConfigSource: ads()},
			},
			HttpFilters: []*hcmv3.HttpFilter{{Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: wrap(p.t, &routerv3.Router{})}}},
		})},
	}}}
	needs := []table.Ref{ref(table.Route, "rc")}
	if secret != "" {
		needs = append(needs, ref(table.Secret, secret))
		c.FilterChainMatch = &listenerv3.FilterChainMatch{ServerNames: []string{name}}
		c.TransportSocket = &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{
			TypedConfig: wrap(p.t, &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
				TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: secret, SdsConfig: ads()}},
			}}),
		}}
	}
	return table.Part{Name: name, Body: encode(p.t, c), Needs: needs}
}

func (p *proxy) listener(name, at string, chains ...table.Part) *table.Resource {
	l := &listenerv3.Listener{Name: name, Address: address(p.t, at)}
	if len(chains) > 1 {
		l.ListenerFilters = []*listenerv3.ListenerFilter{{Name: "sni", ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: &anypb.Any{
			TypeUrl: "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
		}}}}
	}
	return &table.Resource{Ref: ref(table.Listener, name), Body: encode(p.t, l), Field: 3, Parts: chains}
}

func (p *proxy) secret(name string, certificate, key []byte) *table.Resource {
	inline := func(b []byte) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: b}}
	}
	return &table.Resource{Ref: ref(table.Secret, name), Body: encode(p.t, &tlsv3.Secret{
		Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: inline(certificate), PrivateKey: inline(key)}},
	})}
}

// keyPair is a self-signed certificate and its key, PEM.
func keyPair(t *testing.T, name string) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
}

// get is the status of a request to that host, 0 if there is none.
func (p *proxy) get(client *http.Client, host string) int {
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.http+"/", nil)
	if err != nil {
		return 0
	}
	request.Host = host
	response, err := client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func (p *proxy) answers(host string) func() bool {
	return func() bool { return p.get(http.DefaultClient, host) == http.StatusOK }
}

func (p *proxy) handshakes(name string) func() bool {
	return func() bool {
		dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
		conn, err := dialer.DialContext(p.t.Context(), "tcp", p.https)
		if err != nil {
			return false
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].Subject.CommonName == name
	}
}

func (p *proxy) rejected() []string {
	var out []string
	for _, r := range p.table.Rejections() {
		out = append(out, r.Ref.String()+" "+r.Part)
	}
	return out
}

func TestEnvoyQuarantine(t *testing.T) {
	p := startEnvoy(t)
	goodCert, goodKey := keyPair(t, "good.test")
	badCert, badKey := keyPair(t, "bad.test")
	set := p.edsCluster("a")
	for i := range 20 {
		set = append(set, p.edsCluster(fmt.Sprint("more", i))...)
	}
	hosts := []table.Part{p.host("good.test", "/.*", "a"), p.host("bad.test", "(", "a"), p.host("late.test", "/.*", "broken")}
	for i := range 20 {
		hosts = append(hosts, p.host(fmt.Sprintf("more%d.test", i), "/.*", fmt.Sprint("more", i)))
	}
	set = append(
		set, p.staticCluster("broken", "not-an-ip:80"), p.routes(hosts...),
		p.listener("http", p.http, p.chain("http", "")),
		p.listener("https", p.https, p.chain("good.test", "good"), p.chain("bad.test", "bad")),
		p.secret("good", goodCert, goodKey), p.secret("bad", []byte("no PEM"), badKey),
	)
	p.table.Publish(set, nil)
	eventually(t, "siblings of what is bad are served", func() bool {
		return p.answers("good.test")() && p.answers("more19.test")() && p.handshakes("good.test")()
	})
	eventually(t, "exactly what is bad is quarantined", func() bool {
		return cmp.Equal([]string{"CDS broken ", "SDS bad ", "RDS rc bad.test"}, p.rejected())
	})
	for _, r := range p.table.Rejections() {
		t.Logf("%v %s: %s", r.Ref, r.Part, r.ErrorDetail)
	}
	hosts[1] = p.host("bad.test", "/.*", "a")
	p.table.Publish([]*table.Resource{p.staticCluster("broken", p.backend), p.routes(hosts...), p.secret("bad", badCert, badKey)}, nil)
	eventually(t, "what was repaired is served", func() bool {
		return p.answers("bad.test")() && p.answers("late.test")() && p.handshakes("bad.test")()
	})
	if got := p.rejected(); len(got) > 0 {
		t.Errorf("still rejected: %v", got)
	}
}

// TestEnvoySwitch replaces the cluster behind a host again and again, under requests.
func TestEnvoySwitch(t *testing.T) {
	const switches = 50
	p := startEnvoy(t)
	route := func(i int) *table.Resource { return p.routes(p.host("a.test", "/.*", fmt.Sprint("c", i))) }
	p.table.Publish(append(p.edsCluster("c0"), route(0), p.listener("http", p.http, p.chain("http", ""))), nil)
	eventually(t, "the first cluster is served", p.answers("a.test"))

	done := make(chan struct{})
	var clients sync.WaitGroup
	var requests, failures [2]int
	for i := range requests {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for {
				select {
				case <-done:
					return
				default:
				}
				requests[i]++
				if p.get(client, "a.test") != http.StatusOK {
					failures[i]++
				}
			}
		})
	}
	for i := range switches {
		old := fmt.Sprint("c", i)
		p.table.Publish(append(p.edsCluster(fmt.Sprint("c", i+1)), route(i+1)), []table.Ref{ref(table.Cluster, old), ref(table.Endpoint, old)})
		eventually(t, "Envoy has the new cluster only", func() bool {
			s := p.server.Sessions()
			return len(s) == 1 && s[0].Seq == p.table.Seq() && s[0].Idle() && acked(p.server, s[0].Node, table.Cluster) == 1
		})
	}
	close(done)
	clients.Wait()
	t.Logf("%v requests", requests)
	if failures != [2]int{} || requests[0] < switches {
		t.Errorf("%v of %v requests failed", failures, requests)
	}
}

// TestEnvoyStartsWithNothing has an Envoy that finds an empty table: it must not wait for its
// first fetch to time out (15 seconds) before it takes what is published later.
func TestEnvoyStartsWithNothing(t *testing.T) {
	p := startEnvoy(t)
	eventually(t, "Envoy is connected and has nothing", func() bool {
		s := p.server.Sessions()
		return len(s) == 1 && s[0].Idle() && len(p.sent) == 2
	})
	start := time.Now()
	p.table.Publish(append(p.edsCluster("c"), p.routes(p.host("a.test", "/.*", "c")), p.listener("http", p.http, p.chain("http", ""))), nil)
	eventually(t, "traffic", p.answers("a.test"))
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("traffic came after %v", took)
	}
}

func TestEnvoyReconnectIsSentNothing(t *testing.T) {
	p := startEnvoy(t)
	p.table.Publish(append(p.edsCluster("c"), p.routes(p.host("a.test", "/.*", "c")), p.listener("http", p.http, p.chain("http", ""))), nil)
	eventually(t, "traffic", p.answers("a.test"))
	eventually(t, "rest", func() bool { s := p.server.Sessions(); return len(s) == 1 && s[0].Idle() })
	before := p.table.Stats()

	second := server.New(server.Options{
		Fleet: func(ir.Fleet) *table.Table { return p.table },
		Hooks: server.Hooks{Sent: func(typ table.Type, resources, removed, _ int) {
			t.Errorf("%v: %d resources and %d removals after a reconnect", typ, resources, removed)
		}},
	})
	p.restart(second)
	eventually(t, "the session is back with all that Envoy has", func() bool {
		s := second.Sessions()
		return len(s) == 1 && s[0].Idle() && acked(second, s[0].Node, table.Route) == 1 && acked(second, s[0].Node, table.Endpoint) == 1
	})
	if after := p.table.Stats(); after.Versions != before.Versions || !p.answers("a.test")() {
		t.Errorf("versions %d, then %d", before.Versions, after.Versions)
	}
}

// acked returns the number of resources of a type that an Envoy has.
func acked(s *server.Server, node string, typ table.Type) int {
	n := 0
	resources, _ := s.Acked(node)
	for ref := range resources {
		if ref.Type == typ {
			n++
		}
	}
	return n
}

// statuses are the answers to requests to that host, by Envoy, over so many connections.
func (p *proxy) statuses(host string, connections int) map[string]map[int]int {
	all := map[string]map[int]int{}
	for range connections {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.http+"/", nil)
		if err != nil {
			p.t.Fatal(err)
		}
		request.Host = host
		response, err := client.Do(request)
		if err != nil {
			continue
		}
		node := response.Header.Get("node")
		_ = response.Body.Close()
		if all[node] == nil {
			all[node] = map[int]int{}
		}
		all[node][response.StatusCode]++
	}
	return all
}

// TestEnvoysThatDisagree has an Envoy that rejects what another one accepts: expressions that are not short. The other one
// serves each edit, the odd one answers with an error for the host and serves all others, and it is reported by its name
// only. When it is gone, nothing is left of it.
func TestEnvoysThatDisagree(t *testing.T) {
	p := startServer(t)
	p.table.SetFallback(translate.Fallback)
	long := strings.Repeat("(a|b)?", 20) + "/.*"
	set := append(p.edsCluster("a"), p.routes(p.host("a.test", "/.*", "a")), p.listener("http", p.http, p.chain("http", "")))
	p.table.Publish(set, nil)
	p.launch("healthy", "{}")
	stop := p.launch("odd", `{"re2.max_program_size.error_level": 30}`)
	only := func(node, host string, status int) func() bool {
		return func() bool {
			of := p.statuses(host, 40)[node]
			return len(of) == 1 && of[status] > 0
		}
	}
	for _, node := range []string{"healthy", "odd"} {
		eventually(t, node+" serves the first host", only(node, "a.test", http.StatusOK))
	}
	for i := range 5 {
		name, other := fmt.Sprintf("new%d.test", i), fmt.Sprintf("short%d.test", i)
		p.table.Publish([]*table.Resource{p.routes(
			p.host("a.test", "/.*", "a"), p.host("*.test", "/.*", "a"), p.host(name, long, "a"), p.host(other, "/.*", "a"),
		)}, nil)
		eventually(t, "the healthy one serves the new host", only("healthy", name, http.StatusOK))
		eventually(t, "the odd one answers with an error, not by the wildcard host", only("odd", name, http.StatusServiceUnavailable))
		eventually(t, "the odd one serves the others", only("odd", other, http.StatusOK))
		got := p.table.Disagreements()
		if len(got) != 1 || got[0].Node != "odd" || got[0].Part != name || len(p.table.Rejections()) > 0 {
			t.Errorf("disagreements %+v, rejections %+v", got, p.table.Rejections())
		}
	}
	stop()
	eventually(t, "nothing is left of the odd one", func() bool {
		s := p.table.Stats()
		return len(p.server.Sessions()) == 1 && len(p.table.Disagreements()) == 0 && s.Verdicts == 0 && s.Rejected == 0
	})
	eventually(t, "the healthy one serves the last host", only("healthy", "new4.test", http.StatusOK))
}

// TestEnvoyRejectsWithoutAcceptedContent has a host, and a TLS host, that Envoy rejects and never accepted: neither falls
// to the wildcard host above it, also after the controller was restarted.
func TestEnvoyRejectsWithoutAcceptedContent(t *testing.T) {
	p := startEnvoy(t)
	p.table.SetFallback(translate.Fallback)
	cert, key := keyPair(t, "wildcard.test")
	bad := p.chain("bad.test", "wildcard")
	bad.Body = append(bad.Body, badFilter(t)...)
	set := append(
		p.edsCluster("a"), p.routes(p.host("*.test", "/.*", "a"), p.host("bad.test", "(", "a")),
		p.listener("http", p.http, p.chain("http", "")),
		p.listener("https", p.https, p.chain("*.test", "wildcard"), bad), p.secret("wildcard", cert, key),
	)
	p.table.Publish(set, nil)
	status := func(host string, want int) func() bool {
		return func() bool { return p.get(http.DefaultClient, host) == want }
	}
	eventually(t, "the wildcard host is served", status("any.test", http.StatusOK))
	eventually(t, "the rejected host answers 503", status("bad.test", http.StatusServiceUnavailable))
	served := func(name string) bool {
		dialer := &tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Second}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
		conn, err := dialer.DialContext(t.Context(), "tcp", p.https)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	eventually(t, "the wildcard host is served over TLS", func() bool { return served("any.test") })
	if served("bad.test") {
		t.Error("the wildcard host answers for the rejected TLS host")
	}
	want := []string{"LDS https bad.test", "RDS rc bad.test"}
	eventually(t, "both are known to be rejected", func() bool { return cmp.Equal(want, p.rejected()) })

	again := table.New()
	again.SetFallback(translate.Fallback)
	again.Publish(set, nil)
	second := server.New(server.Options{Fleet: func(ir.Fleet) *table.Table { return again }})
	done := make(chan struct{})
	var wrong sync.WaitGroup
	wrong.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if got := p.get(http.DefaultClient, "bad.test"); got == http.StatusOK {
				t.Error("a request for the rejected host came to the wildcard host")
				return
			}
		}
	})
	p.restart(second)
	eventually(t, "another controller finds the same", func() bool {
		s := second.Sessions()
		return len(s) == 1 && s[0].Idle() && len(again.Rejections()) == 2
	})
	close(done)
	wrong.Wait()
}

// badFilter is a filter of a filter chain that Envoy rejects.
func badFilter(t *testing.T) []byte {
	t.Helper()
	return encode(t, &listenerv3.FilterChain{Filters: []*listenerv3.Filter{{
		Name: "bad", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/no.such.Filter"}},
	}}})
}
