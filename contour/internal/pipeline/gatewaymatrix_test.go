package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

const matrixAddress = "10.0.0.9"

// matrixHostnames are hostnames of listeners of one port, the first of which has none, and wildcards overlap.
func matrixHostnames() []string {
	return []string{
		"", "*.example.com", "a.example.com", "*.b.example.com", "c.b.example.com", "*.example.org", "x.example.org", "a.b.example.com", "*.c.b.example.com",
		"example.com", "*.net", "deep.x.c.b.example.com",
	}
}

// matrixNames are server names and hosts of requests, some of no listener.
func matrixNames() []string {
	return []string{
		"a.example.com", "z.example.com", "c.b.example.com", "z.b.example.com", "a.b.example.com", "x.c.b.example.com", "deep.x.c.b.example.com",
		"b.example.com", "example.com", "x.example.org", "y.example.org", "example.org", "some.net", "other.test",
	}
}

// mostSpecific returns the index of the hostname that a name belongs to, -1 if there is none: an exact one, else the longest wildcard, else the
// empty one.
func mostSpecific(hostnames []string, name string) int {
	best := -1
	for i, h := range hostnames {
		suffix, wild := strings.CutPrefix(h, "*")
		switch {
		case h == name:
			return i
		case h == "" && best < 0, wild && strings.HasSuffix(name, suffix) && (best < 0 || len(h) > len(hostnames[best])):
			best = i
		}
	}
	return best
}

// matrixWorld returns a Gateway with listeners for HTTPS of these hostnames on one port, and a route for each, which redirects to the listener.
func matrixWorld(t *testing.T, hostnames []string) []store.Change {
	t.Helper()
	var listeners []string
	for _, h := range hostnames {
		listeners = append(listeners, "8443/"+h)
	}
	web := gatewayOf("infra", "web", 0, 1, []string{matrixAddress}, nil, listeners...)
	world := append(change(secret(t, "infra", "cert")), gatewayClass(), web)
	for i := range hostnames {
		secure(web, i)
		r := httpRoute("infra", fmt.Sprint("r", i), 1, []string{"infra/web"})
		spec := &r.Object.(*gatewayv1.HTTPRoute).Spec
		spec.ParentRefs[0].SectionName = ptr(gatewayv1.SectionName(fmt.Sprint("l", i)))
		spec.Rules[0].Filters[0].RequestRedirect.Hostname = ptr(gatewayv1.PreciseHostname(fmt.Sprintf("l%d.example", i)))
		world = append(world, r)
	}
	return world
}

// matrixAnswer is what a request for a host on a connection with a server name is answered with.
func matrixAnswer(hostnames []string, sni, host string) string {
	of, asked := mostSpecific(hostnames, sni), mostSpecific(hostnames, host)
	switch {
	case of < 0:
		return "refused"
	case asked < 0:
		return "404"
	case asked != of:
		return "421"
	}
	return fmt.Sprintf("302 l%d.example", of)
}

// Every server name and host on 4 to 12 listeners of a port: a connection belongs to the listener with the most specific hostname, and serves
// its hosts only; it answers those of other listeners with 421, and those of none with 404.
func TestMisdirectedRequestsOfGateways(t *testing.T) {
	t.Parallel()
	for n := 4; n <= len(matrixHostnames()); n++ {
		for _, all := range []bool{true, false} { // with and without the listener for any name
			hostnames := matrixHostnames()[:n]
			if !all {
				hostnames = hostnames[1:]
			}
			s := newSystem(t, gatewayConfig("10.0.0.0/24"))
			s.Step(matrixWorld(t, hostnames))
			e, seen := s.model(t), map[string]int{}
			for _, sni := range matrixNames() {
				for _, host := range matrixNames() {
					a, err := e.Send(semantic.Request{To: matrixAddress + ":8443", TLS: true, SNI: sni, Host: host, Path: "/"})
					if err != nil {
						t.Fatal(err)
					}
					got := fmt.Sprint(a.Status)
					if to, _, ok := strings.Cut(strings.TrimPrefix(a.Location, "https://"), ":"); ok {
						got += " " + to
					}
					if a.Refused {
						got = "refused"
					}
					want := matrixAnswer(hostnames, sni, host)
					if got != want {
						t.Errorf("%d listeners %q, server name %s, host %s: %s, want %s", len(hostnames), hostnames, sni, host, got, want)
					}
					seen[strings.Fields(want)[0]]++
				}
			}
			if seen["421"] == 0 || seen["302"] == 0 || !all && (seen["404"] == 0 || seen["refused"] == 0) {
				t.Errorf("%d listeners: answers %v", len(hostnames), seen)
			}
		}
	}
}
