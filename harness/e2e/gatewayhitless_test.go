//go:build local

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/load"
	"contour.example/harness/poll"
	"contour.example/harness/testsystem"
	"contour.example/harness/traffic"
)

// No change of a Gateway loses a request or a datagram of its other listeners, or closes a connection of theirs: HTTP/1, HTTP/2, TCP and
// UDP are under load while listeners, ListenerSets and Gateways come and go, and while certificates, backends, controllers and CRDs do.
func TestChangesOfGatewaysLoseNothing(t *testing.T) {
	// Not parallel: the load uses the whole machine.
	addresses := fmt.Sprintf("127.%d.%d.0/24", 101+os.Getpid()%50, os.Getpid()/50%250)
	s := start(t, testsystem.Options{ServeArgs: []string{
		"--gateway-api", "--gateway-addresses=" + addresses,
		"--leader-election-lease-duration=3s", "--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms",
	}})
	h := newHitless(newFixture(t, s))
	h.step("an added listener", h.addListener)
	h.step("a removed listener", h.removeListener)
	h.step("an added hostname of a port", h.addHostname)
	h.step("a removed hostname of a port", h.removeHostname)
	h.step("a rotated certificate", h.rotate)
	h.step("an attached ListenerSet", h.addListenerSet)
	h.step("a removed ListenerSet", h.removeListenerSet)
	h.step("an added Gateway", h.addGateway)
	h.step("a removed Gateway", h.removeGateway)
	h.step("replaced backends", h.replaceBackends)
	h.step("a removed CRD of a kind without objects", h.removeCRD)
	h.step("a killed controller", h.killController)
	h.close()
}

// hitless is a Gateway with listeners for HTTP, HTTPS, TCP and UDP, and what uses them.
type hitless struct {
	*fixture
	address string // of the Gateway
	lanes   []*lane
	shop    *backend.Server
	crds    []*kube.Object
}

const (
	plainHost  = "plain.example"
	secureHost = "secure.example"
)

// gateway is the Gateway, to which a step adds listeners.
const hitlessGateway = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web}
spec:
  gatewayClassName: contour
  allowedListeners: {namespaces: {from: Same}}
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: https, port: 8443, protocol: HTTPS, hostname: secure.example, tls: {certificateRefs: [{name: cert}]}}
  - {name: tcp, port: 9000, protocol: TCP}
  - {name: udp, port: 9001, protocol: UDP}
`

// hitlessObjects is what the Gateway has, with the address of the backends for TCP and UDP and their ports.
const hitlessObjects = `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: contour}
spec: {controllerName: projectcontour.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: shop}
spec:
  parentRefs: [{name: web}]
  hostnames: [plain.example, secure.example, more.example]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: TCPRoute
metadata: {name: raw}
spec:
  parentRefs: [{name: web, sectionName: tcp}]
  rules: [{backendRefs: [{name: raw, port: 7}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: UDPRoute
metadata: {name: datagrams}
spec:
  parentRefs: [{name: web, sectionName: udp}]
  rules: [{backendRefs: [{name: datagrams, port: 7}]}]
---
apiVersion: v1
kind: Service
metadata: {name: raw}
spec: {ports: [{port: 7}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: raw, labels: {kubernetes.io/service-name: raw}}
addressType: IPv4
endpoints: [{addresses: ["%[1]s"], conditions: {ready: true}}]
ports: [{name: "", port: %[2]d, protocol: TCP}]
---
apiVersion: v1
kind: Service
metadata: {name: datagrams}
spec: {ports: [{port: 7, protocol: UDP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: datagrams, labels: {kubernetes.io/service-name: datagrams}}
addressType: IPv4
endpoints: [{addresses: ["%[1]s"], conditions: {ready: true}}]
ports: [{name: "", port: %[3]d, protocol: UDP}]
`

// newHitless returns when all listeners serve.
func newHitless(f *fixture) *hitless {
	f.t.Helper()
	h := &hitless{fixture: f}
	h.crds, _ = installCRDsOf(f, "v1.6.3", "standard")
	h.shop = f.server("shop", "0")
	f.service("shop", h.shop)
	f.certificate("cert", secureHost, "more.example")
	raw, datagrams := echoes(f)
	f.apply(hitlessObjects, raw.Addr(), raw.Port(), datagrams.Port())
	f.apply(hitlessGateway)
	h.address = h.addressOf("web")
	f.s.Traffic = traffic.Client{HTTP: h.address + ":8080", HTTPS: h.address + ":8443"}
	f.answered(traffic.Request{Host: plainHost}, "shop")
	f.answered(traffic.Request{Host: secureHost, TLS: &traffic.TLS{}}, "shop")
	gatewayObject(f, "Gateway", "web").until("is programmed", func(o *kube.Object) string {
		return want(o, 1, "http:1 Programmed=True/Programmed", "https:1 Programmed=True/Programmed", "tcp:1 Programmed=True/Programmed", "udp:1 Programmed=True/Programmed")
	})
	h.lanes = []*lane{
		httpLane(f, "HTTP/1 connection", traffic.Request{Host: plainHost}),
		httpLane(f, "HTTP/1 connection with TLS", traffic.Request{Host: secureHost, TLS: &traffic.TLS{}}),
		httpLane(f, "HTTP/2 connection", traffic.Request{Host: secureHost, TLS: &traffic.TLS{}, HTTP2: true}),
		newConnections(h.address + ":9000"),
		oneConnection(f, h.address+":9000"),
		newFlows(h.address + ":9001"),
		oneFlow(f, h.address+":9001"),
	}
	return h
}

// addressOf waits for the address of a Gateway.
func (h *hitless) addressOf(gateway string) (address string) {
	h.t.Helper()
	gatewayObject(h.fixture, "Gateway", gateway).until("has an address", func(o *kube.Object) string {
		list, _, _ := unstructured.NestedSlice(o.Object, "status", "addresses")
		if len(list) != 1 {
			return fmt.Sprint(o.Object["status"])
		}
		address, _ = list[0].(map[string]any)["value"].(string)
		return ""
	})
	if address == "" {
		h.t.FailNow()
	}
	return address
}

// step makes a change under load, until each lane has sent more, and checks that nothing was lost.
func (h *hitless) step(name string, change func()) {
	h.t.Helper()
	const enough = 30 // requests of each lane
	check := func(a traffic.Answer) string {
		if a.Backend() != "shop" {
			return a.String()
		}
		return ""
	}
	const perSecond = 100
	loads := map[string]*load.Load{}
	for protocol, r := range map[string]traffic.Request{"HTTP/1": {Host: plainHost}, "HTTP/2": {Host: secureHost, TLS: &traffic.TLS{}, HTTP2: true}} {
		loads[protocol] = load.Start(h.t.Context(), load.Options{Client: h.s.Traffic, Request: r, Rate: perSecond, MaxInFlight: 10 * perSecond, Check: check})
	}
	for _, l := range h.lanes {
		l.start(h.t.Context())
	}
	change()
	err := poll.Until(h.t.Context(), time.Minute, name+" under load", func(context.Context) (bool, string, error) {
		for _, l := range h.lanes {
			if n := l.sent.Load(); n < enough {
				return false, fmt.Sprintf("%d of %s", n, l.name), nil
			}
		}
		return true, "", nil
	})
	if err != nil {
		h.t.Error(err)
	}
	sent := 0
	for protocol, l := range loads {
		r := l.Stop()
		sent += r.Sent
		if !r.Lossless(enough) {
			h.t.Errorf("%s: requests of %s are lost: %s", name, protocol, r)
		}
	}
	for _, l := range h.lanes {
		if err := l.stop(); err != nil {
			h.t.Errorf("%s: %s: %v, want no failure of %d", name, l.name, err, l.sent.Load())
		}
		sent += int(l.sent.Load())
	}
	h.t.Logf("%s: %d requests", name, sent)
}

func (h *hitless) close() {
	for _, l := range h.lanes {
		l.close()
	}
}

func (h *hitless) addListener() {
	h.t.Helper()
	h.apply(hitlessGateway + "  - {name: more, port: 8081, protocol: HTTP}\n")
	h.serves(traffic.Client{HTTP: h.address + ":8081"}, traffic.Request{Host: plainHost})
}

func (h *hitless) removeListener() {
	h.t.Helper()
	h.apply(hitlessGateway)
	h.refuses(h.address + ":8081")
}

// addHostname adds a filter chain to the listener of Envoy that the HTTPS lanes use.
func (h *hitless) addHostname() {
	h.t.Helper()
	h.apply(hitlessGateway + "  - {name: more, port: 8443, protocol: HTTPS, hostname: more.example, tls: {certificateRefs: [{name: cert}]}}\n")
	h.serves(h.s.Traffic, traffic.Request{Host: "more.example", TLS: &traffic.TLS{}})
}

func (h *hitless) removeHostname() {
	h.t.Helper()
	h.apply(hitlessGateway)
	h.closes(traffic.Request{Host: "more.example", TLS: &traffic.TLS{}})
}

func (h *hitless) rotate() {
	h.t.Helper()
	pair := h.certificate("cert", secureHost, "more.example")
	h.until(traffic.Request{Host: secureHost, TLS: &traffic.TLS{}}, presents(pair))
}

func (h *hitless) addListenerSet() {
	h.t.Helper()
	h.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: ListenerSet
metadata: {name: set}
spec:
  parentRef: {name: web}
  listeners:
  - {name: https, port: 8443, protocol: HTTPS, hostname: more.example, tls: {certificateRefs: [{name: cert}]}}
  - {name: http, port: 8082, protocol: HTTP}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: of-set}
spec:
  parentRefs: [{kind: ListenerSet, name: set}]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`)
	h.serves(h.s.Traffic, traffic.Request{Host: "more.example", TLS: &traffic.TLS{}})
	h.serves(traffic.Client{HTTP: h.address + ":8082"}, traffic.Request{Host: "any.example"})
}

func (h *hitless) removeListenerSet() {
	h.t.Helper()
	h.remove("ListenerSet", "set")
	h.closes(traffic.Request{Host: "more.example", TLS: &traffic.TLS{}})
	h.refuses(h.address + ":8082")
}

// addGateway adds a Gateway to the same fleet.
func (h *hitless) addGateway() {
	h.t.Helper()
	h.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: second}
spec:
  gatewayClassName: contour
  listeners:
  - {name: http, port: 8080, protocol: HTTP}
  - {name: https, port: 8443, protocol: HTTPS, hostname: secure.example, tls: {certificateRefs: [{name: cert}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: of-second}
spec:
  parentRefs: [{name: second}]
  rules: [{backendRefs: [{name: shop, port: 80}]}]
`)
	address := h.addressOf("second")
	second := traffic.Client{HTTP: address + ":8080", HTTPS: address + ":8443"}
	h.serves(second, traffic.Request{Host: plainHost})
	h.serves(second, traffic.Request{Host: secureHost, TLS: &traffic.TLS{}})
}

func (h *hitless) removeGateway() {
	h.t.Helper()
	address := h.addressOf("second")
	h.remove("Gateway", "second")
	h.refuses(address + ":8080")
	h.refuses(address + ":8443")
}

// replaceBackends replaces the endpoints of the Service, as a rollout does, until no request reaches the former one.
func (h *hitless) replaceBackends() {
	h.t.Helper()
	for i := range 3 {
		next := h.server("shop", fmt.Sprint(i+1))
		h.service("shop", next)
		for _, r := range []traffic.Request{{Host: plainHost}, {Host: secureHost, TLS: &traffic.TLS{}}} {
			h.until(r, func(a traffic.Answer) string {
				if a.Echo == nil || a.Echo.Instance != fmt.Sprint(i+1) {
					return a.String()
				}
				return ""
			})
		}
		ctx, cancel := context.WithTimeout(h.t.Context(), seen)
		if err := h.shop.Shutdown(ctx); err != nil {
			h.t.Error(err)
		}
		cancel()
		h.shop = next
	}
}

// removeCRD removes the CRD of GRPCRoute, and returns when the class does not claim its features.
func (h *hitless) removeCRD() {
	h.t.Helper()
	for _, o := range h.crds {
		if o.GetName() != "grpcroutes.gateway.networking.k8s.io" {
			continue
		}
		if err := h.s.Kube.Delete(h.t.Context(), kube.RefTo(o)); err != nil {
			h.t.Fatal(err)
		}
		class := gatewayObject(h.fixture, "GatewayClass", "contour")
		class.ref.Namespace = ""
		class.until("claims no GRPCRoute", func(o *kube.Object) string {
			if text := fmt.Sprint(o.Object["status"]); strings.Contains(text, "name:GRPCRoute") || !strings.Contains(text, "name:HTTPRoute") {
				return text
			}
			return ""
		})
		return
	}
	h.t.Fatal("there is no CRD of GRPCRoute")
}

// killController kills the leader, to which Envoy is connected. The replica that is left serves the next change.
func (h *hitless) killController() {
	h.t.Helper()
	first := h.s.Controllers[0]
	leader := waitForLeader(h.t, h.s, "")
	if _, err := h.s.AddController(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	if err := h.s.KillController(first); err != nil {
		h.t.Fatal(err)
	}
	waitForLeader(h.t, h.s, leader)
	waitForConnection(h.t, h.s)
	h.addListener()
	h.removeListener()
}

// remove deletes an object of the Gateway API.
func (h *hitless) remove(kind, name string) {
	h.t.Helper()
	if err := h.s.Kube.Delete(h.t.Context(), gatewayObject(h.fixture, kind, name).ref); err != nil && !apierrors.IsNotFound(err) {
		h.t.Fatal(err)
	}
}

// serves waits until the shop answers a request.
func (h *hitless) serves(client traffic.Client, r traffic.Request) {
	h.t.Helper()
	_, err := client.Until(h.t.Context(), seen, r, func(a traffic.Answer) string {
		if a.Backend() != "shop" {
			return a.String()
		}
		return ""
	})
	if err != nil {
		h.t.Error(err)
	}
}

// closes waits until connections with the server name of a request are closed, without an answer.
func (h *hitless) closes(r traffic.Request) {
	h.t.Helper()
	err := poll.Until(h.t.Context(), seen, "no answer to "+r.String(), func(ctx context.Context) (bool, string, error) {
		a, err := h.s.Traffic.Do(ctx, r)
		return err != nil, a.String(), nil
	})
	if err != nil {
		h.t.Error(err)
	}
}

// refuses waits until nothing listens at the address.
func (h *hitless) refuses(address string) {
	h.t.Helper()
	err := poll.Until(h.t.Context(), seen, "no listener at "+address, func(ctx context.Context) (bool, string, error) {
		_, err := traffic.Client{HTTP: address}.Get(ctx, plainHost, "/")
		return err != nil && errors.Is(err, errRefused), fmt.Sprint(err), nil
	})
	if err != nil {
		h.t.Error(err)
	}
}
