//go:build envoy

package pipeline_test

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// datagramBackend returns a Service with an endpoint that answers datagrams with its name and the address that it sees.
func datagramBackend(t *testing.T, name string) []store.Change {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		b := make([]byte, 64)
		for {
			_, from, err := conn.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(fmt.Appendf(nil, "%s %s", name, from), from)
		}
	}()
	port := int32(conn.LocalAddr().(*net.UDPAddr).Port)
	return []store.Change{
		{Key: kobj.Of(kobj.Service, "n", name), Object: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP}}},
		}},
		{Key: kobj.Of(kobj.EndpointSlice, "n", name+"-1"), Object: &discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name + "-1", Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			Ports:      []discoveryv1.EndpointPort{{Port: &port, Protocol: ptr(corev1.ProtocolUDP)}}, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
		}},
	}
}

// udpRoute returns a route of all listeners for UDP; backends are "name weight".
func udpRoute(name string, age int, gen int64, backends ...string) store.Change {
	o := &gatewayv1.UDPRoute{ObjectMeta: ageOf("n", name, age, gen)}
	o.Spec.ParentRefs = parentsOf("n/web")
	rule := gatewayv1.UDPRouteRule{}
	for _, b := range backends {
		var to gatewayv1.BackendRef
		var weight int32
		_, _ = fmt.Sscan(b, &to.Name, &weight)
		to.Port, to.Weight = ptr(gatewayv1.PortNumber(53)), &weight
		rule.BackendRefs = append(rule.BackendRefs, to)
	}
	o.Spec.Rules = []gatewayv1.UDPRouteRule{rule}
	return store.Change{Key: kobj.Of(kobj.UDPRoute, "n", name), Object: o}
}

// flow is a client with a socket of its own.
type flow struct{ net.Conn }

func newFlow(t *testing.T, to string) flow {
	t.Helper()
	conn, err := net.Dial("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return flow{conn}
}

// answer returns the answer to a datagram, "" if there is none for a while.
func (f flow) answer(wait time.Duration) string {
	b := make([]byte, 64)
	_, _ = f.Write([]byte("?"))
	_ = f.SetReadDeadline(time.Now().Add(wait))
	n, err := f.Read(b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// An edit of a UDPRoute, of another route or of another listener of the Gateway ends no flow of a listener for UDP: a flow goes on with the same
// socket of Envoy, until its endpoint is removed.
func TestFlowsOfDatagramsOutliveEditsOnEnvoy(t *testing.T) {
	at := netip.MustParseAddrPort(ownAddress("127.100.7.1:5300"))
	f := startFleet(t, func(c *config.Config) {
		c.Gateways = gatewayConfig(netip.PrefixFrom(at.Addr(), 24).Masked().String()).Gateways
	})
	gateway := func(gen int64, more ...gatewayv1.Listener) store.Change {
		g := gatewayOf("n", "web", 0, gen, []string{at.Addr().String()}, nil, "5300/")
		spec := &g.Object.(*gatewayv1.Gateway).Spec
		spec.Listeners[0].Protocol = gatewayv1.UDPProtocolType
		spec.Listeners = append(spec.Listeners, more...)
		return g
	}
	a, b := datagramBackend(t, "a"), datagramBackend(t, "b")
	f.sys.Step(append(append(a, b...), gatewayClass(), gateway(1), udpRoute("r", 1, 1, "a 1")))
	f.waitIdle(t)
	long := newFlow(t, at.String())
	var first string
	if !eventually(func() bool { first = long.answer(time.Second); return strings.HasPrefix(first, "a ") }) {
		t.Fatalf("the first answer is %q", first)
	}
	for _, edit := range []struct {
		what   string
		change store.Change
	}{
		{"another backend", udpRoute("r", 1, 2, "a 1", "b 1")},
		{"other weights", udpRoute("r", 1, 3, "a 1", "b 9")},
		{"a backend that does not exist", udpRoute("r", 1, 4, "a 1", "b 9", "missing 5")},
		{"a younger route", udpRoute("s", 2, 1, "b 1")},
		{"a listener for HTTP", gateway(2, gatewayv1.Listener{Name: "http", Port: 8080, Protocol: gatewayv1.HTTPProtocolType})},
		{"another listener for UDP", gateway(3, gatewayv1.Listener{Name: "udp", Port: 5301, Protocol: gatewayv1.UDPProtocolType})},
		{"no other listener", gateway(4)},
	} {
		f.sys.Step([]store.Change{edit.change})
		f.waitIdle(t)
		for range 3 {
			if got := long.answer(time.Second); got != first {
				t.Fatalf("after the edit (%s) the flow is %q, before it was %q", edit.what, got, first)
			}
		}
	}

	f.sys.Step([]store.Change{udpRoute("r", 1, 5, "a 6", "b 2", "missing 2")})
	f.waitIdle(t)
	seen := map[string]int{}
	const flows = 300
	for range flows {
		name, _, _ := strings.Cut(newFlow(t, at.String()).answer(50*time.Millisecond), " ")
		seen[name]++
	}
	for name, share := range map[string]float64{"a": .6, "b": .2, "": .2} {
		if math.Abs(float64(seen[name])/flows-share) > .1 {
			t.Errorf("%d of %d flows reach %q, want %v of them: %v", seen[name], flows, name, share, seen)
		}
	}

	f.sys.Step([]store.Change{udpRoute("r", 1, 6, "b 1")})
	f.waitIdle(t)
	if got := ""; !eventually(func() bool { got = long.answer(time.Second); return strings.HasPrefix(got, "b ") }) {
		t.Errorf("without its backend the flow is %q", got)
	}
	f.sys.Step([]store.Change{{Key: kobj.Of(kobj.UDPRoute, "n", "r")}, {Key: kobj.Of(kobj.UDPRoute, "n", "s")}})
	f.waitIdle(t)
	if got := long.answer(200 * time.Millisecond); got != "" {
		t.Errorf("without a route the flow is %q", got)
	}
}
