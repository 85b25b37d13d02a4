//go:build envoy

package pipeline_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
	"contour.example/contour/internal/xds/table"
)

// pod returns the EndpointSlice of one pod of a Service, which answers with its name; without, it is removed.
func (f *fleet) pod(t *testing.T, service, pod string, exists bool) store.Change {
	t.Helper()
	k := kobj.Of(kobj.EndpointSlice, "n", pod)
	if !exists {
		return store.Change{Key: k}
	}
	port := int32(f.backends.port(t, pod))
	return store.Change{Key: k, Object: &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: pod, Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		Ports:      []discoveryv1.EndpointPort{{Port: &port}}, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}}},
	}}
}

// sessionRoute returns a route with sessions to the backends "name weight", and others for /other.
func sessionRoute(gen int64, p gatewayv1.SessionPersistence, backends ...string) store.Change {
	o := &gatewayv1.HTTPRoute{ObjectMeta: ageOf("n", "r", 1, gen)}
	o.Spec.ParentRefs = parentsOf("n/web")
	rule := gatewayv1.HTTPRouteRule{SessionPersistence: &p}
	for _, b := range backends {
		var to gatewayv1.HTTPBackendRef
		var weight int32
		_, _ = fmt.Sscan(b, &to.Name, &weight)
		to.Port, to.Weight = ptr(gatewayv1.PortNumber(80)), &weight
		rule.BackendRefs = append(rule.BackendRefs, to)
	}
	other := gatewayv1.HTTPRouteRule{
		Matches:            []gatewayv1.HTTPRouteMatch{{Path: &gatewayv1.HTTPPathMatch{Value: ptr("/other")}}},
		SessionPersistence: &gatewayv1.SessionPersistence{}, BackendRefs: rule.BackendRefs,
	}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{rule, other}
	return store.Change{Key: kobj.Of(kobj.HTTPRoute, "n", "r"), Object: o}
}

// sessionClient is a client that sends a token, if it has one, in a cookie or in a header.
type sessionClient struct {
	http   *http.Client
	url    string
	name   string
	header bool
}

// get returns the pod that answers, "" if it is Envoy itself, and the new token, "" if there is none.
func (c *sessionClient) get(t *testing.T, path, token string) (pod, fresh string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "a.example"
	switch {
	case token == "":
	case c.header:
		r.Header.Set(c.name, token)
	default:
		r.Header.Set("Cookie", "a=b; "+c.name+"="+token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return err.Error(), ""
	}
	_ = resp.Body.Close()
	var got received
	_ = json.Unmarshal([]byte(resp.Header.Get(receivedHeader)), &got)
	if c.header {
		return got.Service, resp.Header.Get(c.name)
	}
	for _, own := range resp.Cookies() {
		if secure := strings.HasPrefix(c.url, "https"); own.Name == c.name && (!own.HttpOnly || own.Secure != secure || own.SameSite != http.SameSiteStrictMode) {
			t.Errorf("the cookie %s is HttpOnly %t, Secure %t, SameSite %d", own.Name, own.HttpOnly, own.Secure, own.SameSite)
		}
		if own.Name == c.name {
			fresh = own.Value
		}
	}
	return got.Service, fresh
}

// begin starts a session with a pod of a Service, which has its name.
func (c *sessionClient) begin(t *testing.T, service string) (pod, token string) {
	t.Helper()
	if !eventually(func() bool {
		pod, token = c.get(t, "/", "")
		return strings.HasPrefix(pod, service) && token != ""
	}) {
		t.Fatalf("no session with %s: the last answer is of %q", service, pod)
	}
	return pod, token
}

// keeps sends requests of a session, which all reach the pod, and none of which gets another token.
func (c *sessionClient) keeps(t *testing.T, what, pod, token string) {
	t.Helper()
	for range 50 {
		if got, fresh := c.get(t, "/", token); got != pod || fresh != "" {
			t.Fatalf("%s: a request of the session with %s reaches %q, and has the new token %q", what, pod, got, fresh)
		}
	}
}

// shares sends requests without a token, and compares the Services that they reach with the weights.
func (c *sessionClient) shares(t *testing.T, what string, weights map[string]float64) {
	t.Helper()
	const requests = 400
	seen := map[string]int{}
	for range requests {
		pod, _ := c.get(t, "/", "")
		service, _, _ := strings.Cut(pod, "-")
		seen[service]++
	}
	for service := range maps.Keys(seen) {
		if _, known := weights[service]; !known {
			t.Errorf("%s: %d requests reach %q", what, seen[service], service)
		}
	}
	for service, share := range weights {
		if math.Abs(float64(seen[service])/requests-share) > .07 {
			t.Errorf("%s: %d of %d requests reach %q, want %v of them", what, seen[service], requests, service, share)
		}
	}
}

// A session stays at its endpoint, whatever the weights are, also if that of its Service becomes 0 or a backend does not resolve, and as long
// as the endpoint exists. A token that names no endpoint of the rule has no effect.
func TestSessionsOnEnvoy(t *testing.T) {
	ip := ownAddress("127.100.8.1")
	f := startFleet(t, func(c *config.Config) {
		c.Gateways = gatewayConfig(netip.PrefixFrom(netip.MustParseAddr(ip), 24).Masked().String()).Gateways
	})
	gateway := gatewayOf("n", "web", 0, 1, []string{ip}, nil, "8080/", "8443/")
	l := &gateway.Object.(*gatewayv1.Gateway).Spec.Listeners[1]
	l.Protocol, l.TLS = gatewayv1.HTTPSProtocolType, &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "tls"}}}
	world := []store.Change{gatewayClass(), gateway, {Key: kobj.Of(kobj.Secret, "n", "tls"), Object: secret(t, "n", "tls")}}
	for _, s := range []string{"a", "b", "c"} {
		world = append(world, store.Change{Key: kobj.Of(kobj.Service, "n", s), Object: &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: s}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}},
		}})
		for i := range 3 {
			world = append(world, f.pod(t, s, fmt.Sprintf("%s-%d", s, i), true))
		}
	}
	f.sys.Step(world)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "a.example"}}
	t.Cleanup(transport.CloseIdleConnections)
	header := gatewayv1.HeaderBasedSessionPersistence
	for i, c := range []sessionClient{
		{url: "http://" + ip + ":8080", name: "token"},
		{url: "https://" + ip + ":8443", name: "token"},
		{url: "http://" + ip + ":8080", name: "X-Token", header: true},
	} {
		c.http = &http.Client{Transport: transport}
		p := gatewayv1.SessionPersistence{SessionName: &c.name}
		if c.header {
			p.Type = &header
		}
		t.Run(fmt.Sprint(c.url, " ", c.name), func(t *testing.T) {
			f.testSessions(t, &c, p, int64(i)*100)
		})
	}
}

func (f *fleet) testSessions(t *testing.T, c *sessionClient, p gatewayv1.SessionPersistence, gen int64) {
	step := func(changes ...store.Change) {
		t.Helper()
		f.sys.Step(changes)
		f.waitIdle(t)
	}
	route := func(backends ...string) store.Change { gen++; return sessionRoute(gen, p, backends...) }
	step(route("a 3", "b 1"))
	podOfA, tokenOfA := c.begin(t, "a-")
	podOfB, tokenOfB := c.begin(t, "b-")
	both := func(what string) {
		t.Helper()
		c.keeps(t, what, podOfA, tokenOfA)
		c.keeps(t, what, podOfB, tokenOfB)
	}
	both("at first")
	c.shares(t, "at first", map[string]float64{"a": .75, "b": .25})

	clusters := f.clusterNames()
	step(route("a 0", "b 1"))
	both("weight 0")
	c.shares(t, "weight 0", map[string]float64{"b": 1})
	if now := f.clusterNames(); !slices.Equal(now, clusters) {
		t.Errorf("other weights are other clusters: %v, before %v", now, clusters)
	}

	step(route("a 0", "b 1", "missing 1"))
	both("a backend that does not resolve")
	c.shares(t, "a backend that does not resolve", map[string]float64{"b": .5, "": .5})

	step(route("a 1", "b 1"))
	foreign := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "127.0.0.1:%d", f.backends.port(t, "c-0")))
	if !c.header {
		foreign = base64.StdEncoding.EncodeToString(append([]byte{10, byte(len(fmt.Sprintf("127.0.0.1:%d", f.backends.port(t, "c-0"))))}, fmt.Sprintf("127.0.0.1:%d", f.backends.port(t, "c-0"))...))
	}
	for _, token := range []string{foreign, "x", "AAAA"} {
		if pod, fresh := c.get(t, "/", token); strings.HasPrefix(pod, "c") || pod == "" || fresh == "" {
			t.Errorf("a request with the token %q reaches %q, and has the new token %q", token, pod, fresh)
		}
	}
	others := map[string]bool{}
	for range 50 {
		pod, _ := c.get(t, "/other", tokenOfB)
		others[pod] = true
	}
	if len(others) < 2 {
		t.Errorf("requests for another rule with the token of a session reach only %v", others)
	}

	step(f.pod(t, "a", podOfA, false))
	next, fresh := c.get(t, "/", tokenOfA)
	if next == podOfA || next == "" || fresh == "" {
		t.Fatalf("without its pod, the session with %s goes to %q, and has the new token %q", podOfA, next, fresh)
	}
	c.keeps(t, "a new token", next, fresh)
	c.keeps(t, "another pod is removed", podOfB, tokenOfB)
	step(f.pod(t, "a", podOfA, true))
	c.keeps(t, "the pod is back", podOfA, tokenOfA)
}

// clusterNames returns the clusters that are published.
func (f *fleet) clusterNames() (names []string) {
	for _, v := range f.sys.table.All() {
		if v.Ref.Type == table.Cluster {
			names = append(names, v.Ref.Name)
		}
	}
	slices.Sort(names)
	return names
}
