package stagetest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Random generates random edits of objects with few namespaces and names, so that objects conflict with and refer to
// each other, and with valid and invalid values. Equal seeds generate equal edits, except for the bytes of keys.
type Random struct {
	rand    *rand.Rand
	pairs   []Pair
	objects map[kobj.Key]metav1.Object
	valid   bool // values are valid
}

// Pairs returns the certificates for NewRandom: two valid ones and one that has expired.
func Pairs() ([]Pair, error) {
	var pairs []Pair
	for _, until := range []time.Time{Now().AddDate(10, 0, 0), Now().AddDate(20, 0, 0), Now().AddDate(-1, 0, 0)} {
		p, err := NewPair("www.example.com", until)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, p)
	}
	return pairs, nil
}

// NewRandom returns a generator that uses the certificates. It starts without objects.
func NewRandom(source rand.Source, pairs []Pair) *Random {
	return &Random{rand: rand.New(source), pairs: pairs, objects: map[kobj.Key]metav1.Object{}}
}

// Objects returns the objects that exist, in random order.
func (g *Random) Objects() []store.Change {
	out := make([]store.Change, 0, len(g.objects))
	for _, k := range slices.SortedFunc(maps.Keys(g.objects), kobj.Key.Compare) {
		out = append(out, store.Change{Key: k, Object: g.objects[k]})
	}
	g.rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Batch returns the next edits, between one and limit.
func (g *Random) Batch(limit int) []store.Change {
	out := make([]store.Change, 1+g.rand.IntN(limit))
	for i := range out {
		out[i] = g.edit()
	}
	return out
}

// edit creates, changes or deletes an object.
func (g *Random) edit() store.Change {
	k := g.key()
	if g.oneIn(6) {
		delete(g.objects, k)
		return store.Change{Key: k}
	}
	o := g.object(k)
	g.objects[k] = o
	return store.Change{Key: k, Object: o}
}

// key returns the key of an object that may or may not exist.
func (g *Random) key() kobj.Key {
	if g.oneIn(3) {
		return g.gatewayKey(pick(g, kobj.GatewayClass, kobj.Namespace, kobj.ReferenceGrant, kobj.ReferenceGrant, kobj.ConfigMap, kobj.Gateway, kobj.Gateway, kobj.Gateway, kobj.ListenerSet, kobj.ListenerSet,
			kobj.HTTPRoute, kobj.HTTPRoute, kobj.HTTPRoute, kobj.GRPCRoute, kobj.TLSRoute, kobj.TCPRoute, kobj.BackendTLSPolicy, kobj.BackendTLSPolicy))
	}
	kind := pick(g, kobj.HTTPProxy, kobj.HTTPProxy, kobj.HTTPProxy, kobj.Ingress, kobj.Ingress, kobj.Service, kobj.Service,
		kobj.Secret, kobj.TLSCertificateDelegation, kobj.EndpointSlice, kobj.ExtensionService)
	names := map[kobj.Kind]string{
		kobj.HTTPProxy: pick(g, "root", "root", "child"), kobj.Ingress: "ingress", kobj.Service: "service", kobj.Secret: "secret",
		kobj.TLSCertificateDelegation: "delegation", kobj.EndpointSlice: "slice", kobj.ExtensionService: "extension",
	}
	return kobj.Of(kind, g.namespace(), g.name(names[kind]))
}

func (g *Random) namespace() string       { return pick(g, "a", "a", "b") }
func (g *Random) name(kind string) string { return fmt.Sprintf("%s-%d", kind, g.rand.IntN(5)) }

// host returns a name of a virtual host, sometimes an invalid one.
func (g *Random) host() string {
	return mostly(g, texts{
		"one.example.com", "two.example.com", "TWO.example.com", "three.example.com", "four.example.com", "*.example.com", "*.wild.org",
	}, "", "bad_host", "*.*.example.com")
}

// oneIn returns true with a probability of one in n.
func (g *Random) oneIn(n int) bool { return g.rand.IntN(n) == 0 }

// repeat calls f up to limit times.
func (g *Random) repeat(limit int, f func()) {
	for range g.rand.IntN(limit + 1) {
		f()
	}
}

func pick[T any](g *Random, values ...T) T { return values[g.rand.IntN(len(values))] }

// mostly returns a valid value, and rarely an invalid one, because an object with many fields must be valid often enough.
func mostly[T any](g *Random, valid []T, invalid ...T) T {
	if !g.valid && g.oneIn(20) {
		return pick(g, invalid...)
	}
	return pick(g, valid...)
}

// texts is a short name for lists of values.
type texts = []string

func (g *Random) object(k kobj.Key) metav1.Object {
	meta := metav1.ObjectMeta{
		Namespace: k.Namespace, Name: k.Name.Name, Generation: int64(g.rand.IntN(1000)),
		CreationTimestamp: metav1.NewTime(Now().AddDate(0, 0, -g.rand.IntN(3))),
	}
	if g.oneIn(20) {
		meta.Annotations = map[string]string{pick(g, "projectcontour.io/ingress.class", "kubernetes.io/ingress.class"): pick(g, "contour", "other")}
	}
	if o := g.gatewayObject(k.Kind, meta); o != nil {
		return o
	}
	switch k.Kind {
	case kobj.HTTPProxy:
		if g.oneIn(3) {
			meta.Annotations = map[string]string{"projectcontour.io/include-from": mostly(g, texts{"*", "a", "a, b", "b"}, "", "a b")}
		}
		return &contourv1.HTTPProxy{ObjectMeta: meta, Spec: g.proxy(strings.HasPrefix(meta.Name, "root") != g.oneIn(15))}
	case kobj.Ingress:
		return g.ingress(meta)
	case kobj.Service:
		return g.service(meta)
	case kobj.Secret:
		return g.secret(meta)
	case kobj.EndpointSlice:
		return g.slice(meta)
	case kobj.ExtensionService:
		return g.extension(meta)
	default:
		return g.delegation(meta)
	}
}

func (g *Random) service(meta metav1.ObjectMeta) *corev1.Service {
	s := &corev1.Service{ObjectMeta: meta}
	s.Annotations = map[string]string{}
	if g.oneIn(4) {
		s.Annotations[pick(g, "projectcontour.io/max-requests", "projectcontour.io/max-retries", "projectcontour.io/per-host-max-connections")] = pick(g, "7", "0", "x", "4294967296")
	}
	if g.oneIn(4) {
		s.Annotations["projectcontour.io/upstream-protocol."+pick(g, "h2", "h2c", "tls")] = pick(g, "80", "web", "80,81", "")
	}
	if g.oneIn(20) {
		s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, pick(g, "example.com", "API.example.com.", "192.0.2.1", "localhost", "::1", "a..b", "")
	}
	if g.oneIn(15) {
		s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	}
	s.Spec.Ports = []corev1.ServicePort{{Name: pick(g, "web", "web", "http"), Port: 80}}
	if g.oneIn(2) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "more", Port: 81, Protocol: mostly(g, []corev1.Protocol{"", corev1.ProtocolTCP}, corev1.ProtocolUDP)})
	}
	if g.oneIn(4) {
		protocol := pick(g, "kubernetes.io/h2c", "https", "http", "other")
		s.Spec.Ports[0].AppProtocol = &protocol
	}
	return s
}

func (g *Random) secret(meta metav1.ObjectMeta) *corev1.Secret {
	serving := pick(g, g.pairs...)
	s := &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey: serving.Certificate, corev1.TLSPrivateKeyKey: serving.Key, "ca.crt": serving.Certificate,
		"crl.pem": serving.Revoked,
	}}
	if g.oneIn(2) {
		g.addKeys(s)
	}
	switch g.rand.IntN(20) {
	case 0:
		s.Type = pick(g, corev1.SecretTypeOpaque, corev1.SecretTypeDockercfg)
	case 1:
		delete(s.Data, pick(g, corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt", "crl.pem"))
	case 2:
		s.Data[corev1.TLSPrivateKeyKey] = pick(g, g.pairs...).Key
	case 3:
		s.Data[pick(g, corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt", "crl.pem")] = []byte("-----BEGIN CERTIFICATE-----\n")
	}
	return s
}

func (g *Random) delegation(meta metav1.ObjectMeta) *contourv1.TLSCertificateDelegation {
	d := &contourv1.TLSCertificateDelegation{ObjectMeta: meta}
	g.repeat(2, func() {
		d.Spec.Delegations = append(d.Spec.Delegations, contourv1.CertificateDelegation{
			SecretName: g.name("secret"), TargetNamespaces: pick(g, []string{"*"}, []string{"a", "b"}, []string{"c"}, nil),
		})
	})
	return d
}

func (g *Random) slice(meta metav1.ObjectMeta) *discoveryv1.EndpointSlice {
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: g.name("service")}
	s := &discoveryv1.EndpointSlice{ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4}
	name, number, protocol := pick(g, "web", "http", "more", ""), int32(8080+g.rand.IntN(2)), corev1.ProtocolTCP
	s.Ports = []discoveryv1.EndpointPort{{Name: &name, Port: &number, Protocol: &protocol}}
	g.repeat(4, func() {
		ready := pick(g, nil, new(true), new(true), new(false))
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{pick(g, "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "not an address", "127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1")},
			Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: pick(g, nil, new(true)), Terminating: pick(g, nil, new(true))},
		})
	})
	return s
}
