//go:build envoy

package pipeline_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// withRoutes returns the proxy with n more routes.
func withRoutes(p *contourv1.HTTPProxy, n int) *contourv1.HTTPProxy {
	p = p.DeepCopy()
	for i := range n {
		r := *p.Spec.Routes[0].DeepCopy()
		r.Conditions = []contourv1.MatchCondition{{Prefix: fmt.Sprint("/more", i)}}
		p.Spec.Routes = append(p.Spec.Routes, r)
	}
	return p
}

// A host becomes heavy and light again while clients send requests, with one table and with shards: no request fails, and no
// connection is closed.
func TestBecomingHeavyIsHitlessOnEnvoy(t *testing.T) {
	const hosts, clients, switches = 8, 3, 24
	for mode, limit := range map[string]int{"one table": 1000, "sharded": 0} {
		t.Run(mode, func(t *testing.T) {
			f := startFleet(t)
			f.config.RouteTables.Hosts = limit
			f.sys.Configure(f.config)
			for i := range hosts {
				f.sys.Step(change(service(i)))
				f.sys.Step(change(f.local(t, slice(i, "127.0.0.1"))))
				f.sys.Step(change(proxy(i)))
			}
			f.waitIdle(t)
			f.switched(t, hosts, clients, switches, func(i int) {
				p := proxy(i / 2 % hosts)
				if i%2 == 0 {
					p = withRoutes(p, 150)
				}
				f.sys.Step(change(p))
			})
		})
	}
}

// Requests without a scope, in upper case, with a port or for a wildcard host, find the table of a heavy host and its policies.
func TestHeavyHostsWithoutAScopeOnEnvoy(t *testing.T) {
	for mode, limit := range map[string]int{"one table": 1000, "sharded": 0} {
		t.Run(mode, func(t *testing.T) {
			f := startFleet(t)
			f.config.RouteTables.Hosts = limit
			f.sys.Configure(f.config)
			wild := withRoutes(proxy(1), 150)
			wild.Spec.VirtualHost.Fqdn = "*.wild.example"
			for i := range 2 {
				f.sys.Step(change(service(i)))
				f.sys.Step(change(f.local(t, slice(i, "127.0.0.1"))))
			}
			f.sys.Step(change(withRoutes(proxy(0), 150)))
			f.sys.Step(change(wild))
			denied := withRoutes(proxy(1), 150)
			denied.Name, denied.Spec.VirtualHost.Fqdn = "denied", "*.denied.example"
			denied.Spec.VirtualHost.IPDenyFilterPolicy = []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: "127.0.0.1"}}
			f.sys.Step(change(denied))
			f.waitIdle(t)
			exact := proxy(0).Spec.VirtualHost.Fqdn
			for host, want := range map[string]int{
				exact: http.StatusOK, exact + ":8080": http.StatusOK, strings.ToUpper(exact): http.StatusOK,
				"a.wild.example": http.StatusOK, "A.WILD.example:80": http.StatusOK, "other.example": http.StatusNotFound,
				"a.denied.example": http.StatusForbidden, "A.denied.example": http.StatusForbidden,
			} {
				for _, path := range []string{"/", "/more149"} {
					request, err := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:%d%s", f.config.Listeners.HTTP.Host, f.config.Listeners.HTTP.Port, path), http.NoBody)
					if err != nil {
						t.Fatal(err)
					}
					request.Host = host
					response, err := http.DefaultClient.Do(request)
					if err != nil {
						t.Fatal(err)
					}
					_ = response.Body.Close()
					if response.StatusCode != want {
						t.Errorf("%s%s: status %d, want %d", host, path, response.StatusCode, want)
					}
				}
			}
		})
	}
}
