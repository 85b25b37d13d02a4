package stagetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Traffic generates configurations, each of all kinds of objects and with most of their features, and requests that are near to what the
// configuration names. Unlike the objects of Random most are valid and served. Equal seeds generate equal configurations and requests.
type Traffic struct {
	*Random
	material Material

	changes []store.Change // of the configuration
	theme   string         // what of the configuration and its requests is frequent; configurations have all of them in turn

	configurations int
	hosts          []target // of the configuration
	methods        []string // of gRPC, as a path

	sessions []servedSession
	set      gatewayv1.ObjectName // the ListenerSet

	setNamespace gatewayv1.Namespace
	remote       []jwks.Owner // providers whose key sets are fetched
}

// target is a host and how requests get there.
type target struct {
	host   string
	to     int // the port of the Gateway; 0: the listeners of Ingress and HTTPProxy
	secure bool
}

// Material is what configurations and requests contain that is not random, because others have the other half of it.
type Material struct {
	Authority    []byte // in PEM, of the certificates of backends, which are for BackendName
	BackendName  string
	Clients      []byte            // in PEM, the authority of clients
	Revoked      []byte            // in PEM, the certificates of clients that are revoked
	KeySet       []byte            // that verifies some of the Tokens
	Tokens       []string          // of clients, valid for some providers or for none
	ClientChains map[string][]byte // in PEM, by name: what clients show
	GatewayAddr  string            // the address of the Gateway
	Pairs        []Pair            // certificates of hosts
	Now          time.Time         // of the requests, about

	Endpoint func(service string) string // the address of the backend of a Service, namespace/name/port
}

// The Services of special backends, in each namespace.
const (
	grpcAuthz = "grpc-authz"
	httpAuthz = "http-authz"
	limits    = "limits"
)

// The ports of the Gateway.
const (
	gatewayHTTP  = 8080
	gatewayHTTPS = 8443
	gatewayTLS   = 9443
	gatewayTCP   = 9000
	gatewaySet   = 8081 // of a ListenerSet, for HTTP
)

// NewTraffic returns a generator.
func NewTraffic(source rand.Source, m Material) *Traffic {
	g := NewRandom(source, m.Pairs)
	g.valid = true
	return &Traffic{Random: g, material: m}
}

// Fetched returns the key sets that the providers of the last configuration fetch.
func (g *Traffic) Fetched() map[jwks.Owner]jwks.KeySet {
	out := map[jwks.Owner]jwks.KeySet{}
	keys, _ := jwks.Parse(g.material.KeySet, jwks.Options{})
	for _, o := range g.remote {
		out[o] = pick(g.Random, jwks.KeySet{Keys: keys}, jwks.KeySet{Keys: keys}, jwks.KeySet{Keys: keys, Failure: jwks.TooSlow}, jwks.KeySet{Failure: jwks.TooSlow})
	}
	return out
}

// RateLimitService is the ExtensionService of the global rate limits of configurations.
func RateLimitService() kobj.Name { return kobj.Name{Namespace: "a", Name: limits} }

// Configuration returns the objects of another configuration.
func (g *Traffic) Configuration() []store.Change {
	g.theme = themes()[g.configurations%len(themes())]
	g.configurations++
	g.changes, g.hosts, g.methods = nil, nil, []string{"/a.B/Get", "/a.B/Put", "/a.C/Get"}
	g.sessions, g.remote = nil, nil
	for _, ns := range []string{"a", "b"} {
		g.infrastructure(ns)
	}
	g.add(kobj.GatewayClass, &gatewayv1.GatewayClass{ObjectMeta: g.meta("", "contour"), Spec: gatewayv1.GatewayClassSpec{
		ControllerName: "projectcontour.io/gateway-controller",
	}})
	names := []string{"one.example.com", "two.example.com", "*.example.com", "*.wild.org", "three.example.org", "four.example.org", "*.b.wild.org"}
	g.rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for i, host := range names[:3+g.rand.IntN(4)] {
		if g.oneIn(4) {
			g.addIngress(i, host)
		} else {
			g.addProxy(i, host)
		}
	}
	g.addGateway()
	g.addRoutes(names)
	return g.changes
}

// The themes of configurations, one for each feature that many requests would not reach if all were equally rare.
const (
	themeAddresses     = "addresses" // of clients
	themeAuthorization = "authorization"
	themeCertificates  = "certificates" // of clients
	themeConditions    = "conditions"
	themeCookies       = "cookies"
	themeCORS          = "CORS"
	themeHeaders       = "headers"
	themeLimits        = "limits"
	themeRedirects     = "redirects"
	themeRewrites      = "rewrites"
	themeSessions      = "sessions"
	themeTokens        = "tokens"
)

func themes() []string {
	return []string{
		themeAddresses, themeAuthorization, themeCertificates, themeConditions, themeCookies, themeCORS, themeHeaders, themeLimits, themeRedirects, themeRewrites,
		themeSessions, themeTokens,
	}
}

// among returns true with a probability of one in n, or mostly if the configuration has one of the themes.
func (g *Traffic) among(n int, of ...string) bool {
	rare := g.oneIn(n)
	return rare || slices.Contains(of, g.theme) && !g.oneIn(3)
}

// themed returns a value of f, mostly one that is not nil if the configuration has the theme.
func themed[T any](g *Traffic, theme string, f func() *T) *T {
	v := f()
	for i := 0; v == nil && g.theme == theme && i < 6; i++ {
		v = f()
	}
	return v
}

func (g *Traffic) meta(ns, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: ns, Name: name, Generation: int64(g.rand.IntN(1000)), CreationTimestamp: metav1.NewTime(Now().AddDate(0, 0, -len(g.changes)))}
}

func (g *Traffic) add(kind kobj.Kind, o metav1.Object) {
	g.changes = append(g.changes, store.Change{Key: kobj.Of(kind, o.GetNamespace(), o.GetName()), Object: o})
}

// infrastructure adds what the objects of a namespace refer to.
func (g *Traffic) infrastructure(ns string) {
	n := g.meta("", ns)
	n.Labels = map[string]string{"team": ns}
	g.add(kobj.Namespace, &corev1.Namespace{ObjectMeta: n})
	for i := range 5 {
		g.addService(ns, fmt.Sprint("service-", i), i < 4)
	}
	for _, name := range []string{grpcAuthz, httpAuthz, limits} {
		hasEndpoints := !g.oneIn(12) && (g.theme != themeAuthorization || !g.oneIn(4)) && (g.theme != themeLimits || !g.oneIn(6))
		g.addService(ns, name, hasEndpoints)
		protocol := "h2c"
		if name == httpAuthz {
			protocol = "http/1.1"
		}
		g.add(kobj.ExtensionService, &contourv1alpha1.ExtensionService{ObjectMeta: g.meta(ns, name), Spec: contourv1alpha1.ExtensionServiceSpec{
			Services: []contourv1alpha1.ExtensionServiceTarget{{Name: name, Port: 80}}, Protocol: &protocol,
		}})
	}
	for i, pair := range g.pairs {
		g.add(kobj.Secret, &corev1.Secret{ObjectMeta: g.meta(ns, fmt.Sprint("secret-", i)), Type: corev1.SecretTypeTLS, Data: map[string][]byte{
			corev1.TLSCertKey: pair.Certificate, corev1.TLSPrivateKeyKey: pair.Key,
		}})
	}
	for _, s := range []struct {
		name, key string
		data      []byte
	}{
		{"authority", "ca.crt", g.material.Authority}, {"clients", "ca.crt", g.material.Clients}, {"revoked", "crl.pem", g.material.Revoked}, {"keys", "keys", g.material.KeySet},
	} {
		g.add(kobj.Secret, &corev1.Secret{ObjectMeta: g.meta(ns, s.name), Type: corev1.SecretTypeOpaque, Data: map[string][]byte{s.key: s.data}})
		if s.key == "ca.crt" {
			g.add(kobj.ConfigMap, &corev1.ConfigMap{ObjectMeta: g.meta(ns, s.name), Data: map[string]string{s.key: string(s.data)}})
		}
	}
	g.add(kobj.TLSCertificateDelegation, &contourv1.TLSCertificateDelegation{ObjectMeta: g.meta(ns, "all"), Spec: contourv1.TLSCertificateDelegationSpec{
		Delegations: []contourv1.CertificateDelegation{{SecretName: "secret-0", TargetNamespaces: []string{"*"}}, {SecretName: "authority", TargetNamespaces: []string{"*"}}},
	}})
	grant := &gatewayv1.ReferenceGrant{ObjectMeta: g.meta(ns, "all")}
	for _, other := range []gatewayv1.Namespace{"a", "b"} {
		for _, kind := range []gatewayv1.Kind{"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "Gateway", "ListenerSet"} {
			grant.Spec.From = append(grant.Spec.From, gatewayv1.ReferenceGrantFrom{Group: gatewayv1.GroupName, Kind: kind, Namespace: other})
		}
	}
	grant.Spec.To = []gatewayv1.ReferenceGrantTo{{Kind: "Service"}, {Kind: "Secret"}, {Kind: "ConfigMap"}}
	g.add(kobj.ReferenceGrant, grant)
	if g.oneIn(3) {
		g.add(kobj.BackendTLSPolicy, g.backendTLS(ns))
	}
}

func (g *Traffic) addService(ns, name string, ready bool) {
	s := &corev1.Service{ObjectMeta: g.meta(ns, name)}
	s.Spec.Ports = []corev1.ServicePort{{Name: "web", Port: 80}, {Name: "more", Port: 81}}
	if g.oneIn(6) && len(name) == len("service-0") {
		protocol := pick(g.Random, "kubernetes.io/h2c", "https", "http", "other")
		s.Spec.Ports[0].AppProtocol = &protocol
	}
	if g.oneIn(6) && len(name) == len("service-0") {
		s.Annotations = map[string]string{"projectcontour.io/upstream-protocol." + pick(g.Random, "h2", "h2c", "tls"): pick(g.Random, "80", "web", "80,81")}
	}
	if g.oneIn(6) {
		s.Annotations = map[string]string{"projectcontour.io/max-requests": "700", "projectcontour.io/max-connections": "700"}
	}
	if g.oneIn(15) && len(name) == len("service-0") {
		s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	}
	g.add(kobj.Service, s)
	if !ready && g.oneIn(2) {
		return
	}
	meta := g.meta(ns, name)
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: name}
	e := &discoveryv1.EndpointSlice{ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4}
	for i, port := range []string{"web", "more"} {
		e.Ports = append(e.Ports, discoveryv1.EndpointPort{Name: new(port), Port: new(int32(8080 + i)), Protocol: new(corev1.ProtocolTCP)})
	}
	e.Endpoints = []discoveryv1.Endpoint{{Addresses: []string{"127.0.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}
	g.add(kobj.EndpointSlice, e)
}

func (g *Traffic) backendTLS(ns string) *gatewayv1.BackendTLSPolicy {
	o := &gatewayv1.BackendTLSPolicy{ObjectMeta: g.meta(ns, "policy")}
	t := gatewayv1.LocalPolicyTargetReferenceWithSectionName{}
	t.Kind, t.Name = "Service", gatewayv1.ObjectName(g.name("service"))
	if g.oneIn(2) {
		t.SectionName = new(pick(g.Random, gatewayv1.SectionName("web"), "more"))
	}
	o.Spec.TargetRefs = append(o.Spec.TargetRefs, t)
	o.Spec.Validation.Hostname = gatewayv1.PreciseHostname(pick(g.Random, g.material.BackendName, g.material.BackendName, "another.example.com"))
	o.Spec.Validation.CACertificateRefs = []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: "authority"}}
	return o
}
