//go:build envoy

package translate

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/envoybootstrap"
)

// sharedRig starts an Envoy with hosts under one wildcard certificate, in two Secrets of two namespaces, and others.
func sharedRig(t *testing.T) *rig {
	g := newRig(t, newFixture(), envoybootstrap.StatsDefault)
	for _, n := range []string{"wild", "rival"} {
		g.certify(n, "*.example.com")
	}
	g.certify("single", "single.example.com")
	strict := g.answering("strict.example.com", "wild")
	strict.TLS.Min = ir.TLS13
	closed := g.answering("closed.example.com", "wild")
	closed.TLS, closed.Routes = &ir.TLS{CloseConnections: true}, nil
	g.set(
		g.answering("a.example.com", "wild"), g.answering("b.example.com", "wild"), g.answering("r.example.com", "rival"),
		g.answering("single.example.com", "single"), strict, closed,
	)
	g.publish()
	return g
}

// sends sends a request for a host on a new connection, and returns the status and whether the TLS session was resumed; 0 if
// the connection is closed. sessions may be nil.
func (g *rig) sends(protocol, serverName, host string, sessions tls.ClientSessionCache) (status int, resumed bool) {
	g.t.Helper()
	if protocol == "h2" {
		c := g.client(serverName, func(c *tls.Config) { c.ClientSessionCache = sessions })
		req, err := http.NewRequestWithContext(g.t.Context(), http.MethodGet, "https://"+host+"/", nil)
		if err != nil {
			g.t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			return 0, false
		}
		defer resp.Body.Close()
		return resp.StatusCode, resp.TLS.DidResume
	}
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.at.https.Port), &tls.Config{
		ServerName: serverName, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, ClientSessionCache: sessions,
	})
	if err != nil {
		return 0, false
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host); err != nil {
		return 0, false
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, false
	}
	_ = resp.Body.Close()
	return resp.StatusCode, conn.ConnectionState().DidResume
}

// What a connection with a server name serves of every requested host, over HTTP/1 and HTTP/2, also with a resumed session.
func TestEnvoyServesHostsByFilterChain(t *testing.T) {
	g := sharedRig(t)
	type row struct {
		serverName, host string
		status           int
	}
	var rows []row
	hosts := []string{"a", "b", "r", "single", "strict", "closed", "nobody"}
	for _, s := range hosts {
		for _, h := range hosts {
			status := 421
			switch together := s != "closed" && s != "nobody" && (s == h || s == "a" && h == "b" || s == "b" && h == "a"); {
			case s == "closed" || s == "nobody":
				status = 0 // the connection is closed
			case together:
				status = 200
			}
			rows = append(rows, row{s + ".example.com", h + ".example.com", status})
		}
	}
	rows = append(
		rows, row{"A.Example.com", "a.example.com", 200}, row{"a.example.com", "A.Example.com", 200}, row{"a.example.com", "a.example.com:8443", 200},
		row{"a.example.com", "b.example.com:8443", 200}, row{"a.example.com", "a.example.com.evil.test", 421}, row{"a.example.com", "example.com", 421},
		row{"127.0.0.1", "a.example.com", 0}, // no server name
	)
	for _, protocol := range []string{"http/1.1", "h2"} {
		for _, c := range rows {
			sessions := tls.NewLRUClientSessionCache(1)
			for _, resumption := range []bool{false, true} {
				status, resumed := g.sends(protocol, c.serverName, c.host, sessions)
				if status != c.status || resumed != (resumption && status != 0) {
					t.Errorf("%s to %s for %s: %d, resumed %t, want %d, resumed %t", protocol, c.serverName, c.host, status, resumed, c.status, resumption)
				}
			}
		}
	}
}

// A session of one filter chain, resumed with the server name of another one, gives no access to hosts of the first.
func TestEnvoySessionsGiveNoOtherHosts(t *testing.T) {
	g := sharedRig(t)
	sessions := &anySession{}
	if status, _ := g.sends("http/1.1", "r.example.com", "r.example.com", sessions); status != 200 {
		t.Fatalf("status %d", status)
	}
	for host, want := range map[string]int{"a.example.com": 200, "b.example.com": 200, "r.example.com": 421} {
		if status, _ := g.sends("http/1.1", "a.example.com", host, sessions); status != want {
			t.Errorf("%s: %d, want %d", host, status, want)
		}
	}
}

// anySession is a cache that has one session for all server names.
type anySession struct{ session *tls.ClientSessionState }

func (s *anySession) Get(string) (*tls.ClientSessionState, bool) { return s.session, s.session != nil }
func (s *anySession) Put(_ string, c *tls.ClientSessionState)    { s.session = c }

// Hosts come and go, certificates rotate and hosts get other Secrets, while connections to other hosts and to these stay open.
func TestEnvoyKeepsConnectionsOfSharedFilterChains(t *testing.T) {
	g := sharedRig(t)
	a, r := g.client("a.example.com"), g.client("r.example.com")
	dials := 0
	for _, c := range []*http.Client{a, r} {
		transport := c.Transport.(*http.Transport)
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			dials++
			return dial(ctx, network, address)
		}
	}
	served := func(what string) {
		t.Helper()
		g.expect(what, a, "a.example.com", 200, "*.example.com")
		g.expect(what, r, "r.example.com", 200, "*.example.com")
		if dials != 2 {
			t.Fatalf("%s: %d connections are open, want 2", what, dials)
		}
	}
	served("at first")
	for i := range 20 {
		g.set(g.answering(hostname(i), "wild"))
		g.publish()
		served("a host is added")
		g.expect("the added host", g.client(hostname(i)), hostname(i), 200, "*.example.com")
	}
	other := g.client("a.example.com") // with a connection of its own for each requested host
	g.expect("an added host on a connection to another one", other, hostname(3), 200, "*.example.com")
	for i := range 20 {
		g.hosts.Delete(hostKey(classic.HTTPS(), hostname(i)))
		g.publish()
		served("a host is removed")
		g.expect("the removed host", g.client(hostname(i)), hostname(i), 0, "")
	}
	g.expect("the removed host on that connection", other, hostname(3), 421, "*.example.com")
	g.certify("wild", "rotated.example.com")
	g.publish()
	served("the certificate is rotated")
	g.expect("the rotated certificate", g.client("b.example.com"), "b.example.com", 200, "rotated.example.com")
	g.set(g.answering("a.example.com", "rival"))
	g.publish()
	served("a host gets another Secret")
	g.expect("the other Secret", g.client("a.example.com"), "a.example.com", 200, "*.example.com")
}

// A Secret that is missing closes its own hosts, and one that is back serves them.
func TestEnvoyClosesOnlyTheHostsOfASecret(t *testing.T) {
	g := sharedRig(t)
	g.secrets.Delete(kobj.Name{Namespace: "app", Name: "rival"})
	g.publish()
	g.expect("a host of another Secret", g.client("a.example.com"), "a.example.com", 200, "*.example.com")
	g.certify("rival", "*.example.com")
	g.publish()
	g.expect("its host", g.client("r.example.com"), "r.example.com", 200, "*.example.com")
}

// No form of a request is served by a host of another filter chain, and none by another host than that of the server name or the one that
// it names.
func TestEnvoyServesNoFormOfOtherHosts(t *testing.T) {
	g := sharedRig(t)
	optional := g.answering("optional.example.com", "wild")
	optional.TLS.Clients.Certificates, optional.TLS.Clients.Unverified = ir.OptionalClientCertificates, true
	g.set(optional)
	g.publish()
	scope := sharedKey{listener: optional.Key.Listener, certificate: kobj.Name{Namespace: "app", Name: "rival"}}.scopePrefix() + "r.example.com"
	others := []string{
		"", " ", ":", ":443", "b.example.com:0:1", "r.example.com:443", "R.example.com", "r.example.com.", "r.example.com.:443", "a.example.comr.example.com",
		"r.example.com:a.example.com", "r.example.com@a.example.com", "r.example.com,a.example.com", "r.example.com%00", "r.example.com\xff", "[::1]", "%REQ(x)%",
		"//r.example.com", "https/r.example.com", scope, strings.TrimPrefix(scope, "https/"), "optional.example.com", strings.Repeat("b.example.com:", 1000),
	}
	requests := map[string]string{ // to the body of the response; "" is an error
		"GET / HTTP/1.1\r\n\r\n": "", "GET / HTTP/1.0\r\n\r\n": "",
		"GET / HTTP/1.1\r\nHost: a.example.com:r.example.com\r\n\r\n":                                                                     "a.example.com",
		"GET http://b.example.com/ HTTP/1.1\r\nHost: r.example.com\r\n\r\n":                                                               "b.example.com",
		"GET https://r.example.com/ HTTP/1.1\r\nHost: a.example.com\r\n\r\n":                                                              "",
		"GET / HTTP/1.1\r\nHost: a.example.com\r\nHost: r.example.com\r\n\r\n":                                                            "",
		"GET / HTTP/1.0\r\nHost: b.example.com\r\n\r\n":                                                                                   "b.example.com",
		"CONNECT r.example.com:443 HTTP/1.1\r\nHost: r.example.com:443\r\n\r\n":                                                           "",
		"GET / HTTP/1.1\r\nHost: r.example.com\r\n" + shardHeader + ": " + scope + "\r\n" + shardHeader + ": https/r.example.com\r\n\r\n": "",
	}
	for _, host := range others {
		requests["GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"] = ""
	}
	for request, want := range requests {
		if got := g.exchange("a.example.com", request); got != want {
			t.Errorf("%.200q is served by %q, want %q", request, got, want)
		}
	}
}

// The filters of policies do not run on a request for another host than the server name, so that a host with them is not served to it,
// also while its policies come and go on open connections.
func TestEnvoyServesNoHostWithoutItsPolicies(t *testing.T) {
	g := sharedRig(t)
	other := g.client("a.example.com") // with a connection of its own for each requested host
	denied := &ir.Policies{IPFilter: addresses("192.0.2.0/24")}
	for _, c := range []struct {
		what           string
		host, route    *ir.Policies
		own, coalesced int
	}{
		{"without policies", nil, nil, 200, 200},
		{"with a policy of the host", denied, nil, 403, 421},
		{"without policies again", nil, nil, 200, 200},
		{"with a policy of the route", nil, denied, 403, 421},
	} {
		b := g.answering("b.example.com", "wild")
		b.Policies, b.Routes[0].Policies = c.host, c.route
		g.set(b)
		g.publish()
		g.expect(c.what, g.client("b.example.com"), "b.example.com", c.own, "*.example.com")
		g.expect(c.what+", on a connection for another host", other, "b.example.com", c.coalesced, "*.example.com")
		g.expect(c.what+", a form that is not that of scopes", other, "B.Example.com", c.coalesced, "*.example.com")
	}
}

// A request for another host of the filter chain gets the response of its route, and no other.
func TestEnvoyCoalescesToRoutes(t *testing.T) {
	g := sharedRig(t)
	b := g.answering("b.example.com", "wild")
	b.Routes[0].Match, b.Routes[0].Direct = prefix("/missing"), &ir.Direct{Code: 404, Body: "from the route"}
	g.set(b)
	g.publish()
	for path, want := range map[string]int{"/missing": 404, "/elsewhere": 421} {
		conn := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: b.example.com\r\n\r\n", path)
		if got := g.statusOf("a.example.com", conn); got != want {
			t.Errorf("%s of another host: %d, want %d", path, got, want)
		}
	}
	if got := g.statusOf("b.example.com", "GET /elsewhere HTTP/1.1\r\nHost: b.example.com\r\n\r\n"); got != 404 {
		t.Errorf("a path without a route: %d, want 404", got)
	}
}

// statusOf sends bytes on a connection with the server name, and returns the status of the response.
func (g *rig) statusOf(serverName, request string) int {
	g.t.Helper()
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.at.https.Port), &tls.Config{ServerName: serverName, InsecureSkipVerify: true})
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		g.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// exchange sends bytes on a connection with the server name, and returns the body of the response if its status is 200.
func (g *rig) exchange(serverName, request string) string {
	g.t.Helper()
	conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", g.at.https.Port), &tls.Config{
		ServerName: serverName, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"},
	})
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		g.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return string(body)
}

// A host that begins to require certificates of clients serves no request of a connection without one: neither of its own, nor of
// another host of its former filter chain.
func TestEnvoyServesNobodyWithoutTheRequiredCertificate(t *testing.T) {
	g := sharedRig(t)
	authority, _ := issued(t, "authority.example.com")
	g.secrets.Set(kobj.Name{Namespace: "app", Name: "ca"}, pair{chain: string(authority)})
	a, b := g.client("a.example.com"), g.client("b.example.com")
	g.expect("at first", a, "a.example.com", 200, "*.example.com")
	g.expect("at first, on a connection of another host", b, "a.example.com", 200, "*.example.com")
	g.expect("another host on its connections", a, "b.example.com", 200, "*.example.com") // a client has a connection for each requested host
	strict := g.answering("a.example.com", "wild")
	strict.TLS.Clients = ir.ClientValidation{Certificates: ir.RequiredClientCertificates, CA: kobj.Name{Namespace: "app", Name: "ca"}}
	g.set(strict)
	g.publish()
	g.expect("on its connection", a, "a.example.com", 404, "*.example.com")
	g.expect("on a connection of another host", b, "a.example.com", 421, "*.example.com")
	g.expect("another host on its connection", a, "b.example.com", 200, "*.example.com")
	g.expect("another host", b, "b.example.com", 200, "*.example.com")
	g.expect("on a new connection", g.client("a.example.com"), "a.example.com", 0, "")
	g.expect("on a new connection of another host", g.client("b.example.com"), "a.example.com", 421, "*.example.com")
	closed := g.answering("b.example.com", "wild")
	closed.TLS, closed.Routes = &ir.TLS{CloseConnections: true}, nil
	g.set(closed)
	g.publish()
	g.expect("a closed host on its connection", b, "b.example.com", 404, "*.example.com")
	g.expect("a closed host on the connection of another one", a, "b.example.com", 421, "*.example.com")
}
