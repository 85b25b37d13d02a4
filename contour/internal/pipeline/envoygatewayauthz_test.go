//go:build envoy

package pipeline_test

import (
	"fmt"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/envoytest"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/store"
)

// The authorization of the configuration applies to the routes of Gateways and ListenerSets. While its server is away, has no endpoints, or
// its ExtensionService does not exist, no request reaches a backend; with the server, only those with a token do.
func TestGlobalAuthorizationOfGatewaysOnEnvoy(t *testing.T) {
	g := startGuard(t, func(c *config.Config) {
		c.Gateways = gatewayConfig("127.100.0.0/24").Gateways
		c.Authorization.Server = &contourv1.AuthorizationServer{
			ExtensionServiceRef: contourv1.ExtensionServiceReference{Name: "grpc", Namespace: "team"}, ResponseTimeout: "500ms",
		}
	})
	ports := []uint32{envoytest.FreePort(t), envoytest.FreePort(t)}
	g.sys.Step([]store.Change{
		gatewayClass(), openGateway("infra", "web", "127.100.0.5", fmt.Sprint(ports[0])), listenerSetOf("team", "set", 1, fmt.Sprint(ports[1])),
		forwarding("r", "infra/web", "guarded.example", "service-1"), toSet(forwarding("of-set", "team/set", "guarded.example", "service-1")),
	})
	g.waitIdle(t)
	expect := func(when string, token bool, status ...int) {
		t.Helper()
		for _, port := range ports {
			r := semantic.Request{Host: "guarded.example", Path: "/", Headers: map[string]string{}}
			if token {
				r.Headers["X-Token"] = "yes"
			}
			var got seen
			if !eventually(func() bool {
				got = send(fmt.Sprintf("127.100.0.5:%d", port), r, nil)
				for _, s := range status {
					if got.status == s {
						return true
					}
				}
				return false
			}) {
				t.Errorf("%s, port %d, token %t: status %d, %v, want one of %d", when, port, token, got.status, got.failure, status)
			}
			if got.backend != nil && status[0] != 200 {
				t.Errorf("%s: the request reaches a backend", when)
			}
		}
	}
	up := func(when string) {
		t.Helper()
		expect(when, false, 401)
		expect(when, true, 200)
	}
	up("with the server")
	g.reach(2, 1)
	expect("the server is away", true, 403, 503)
	g.sys.Step(deletion(slice(2, "127.0.0.1")))
	expect("the server has no endpoints", true, 403, 503)
	g.reach(2, g.grpc.port)
	up("the server is back")
	g.sys.Step([]store.Change{{Key: kobj.Of(kobj.ExtensionService, "team", "grpc")}})
	expect("there is no ExtensionService", true, 403, 500, 503)
	g.sys.Step(change(extensionTo("grpc", 2, "h2c")))
	up("the ExtensionService is back")
}
