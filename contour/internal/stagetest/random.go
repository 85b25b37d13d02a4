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

// Random makes random edits of a small world: few namespaces and names, so that objects collide with and refer to
// each other, with values good and bad. The same source of randomness gives the same edits, but for the bytes of keys.
type Random struct {
	rand    *rand.Rand
	pairs   []Pair
	objects map[kobj.Key]metav1.Object
}

// Pairs makes the certificates of a world: two good ones and one that has expired.
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

// NewRandom is an empty world with these certificates.
func NewRandom(source rand.Source, pairs []Pair) *Random {
	return &Random{rand: rand.New(source), pairs: pairs, objects: map[kobj.Key]metav1.Object{}}
}

// Objects are the objects that exist, in random order.
func (w *Random) Objects() []store.Change {
	out := make([]store.Change, 0, len(w.objects))
	for _, k := range slices.SortedFunc(maps.Keys(w.objects), kobj.Key.Compare) {
		out = append(out, store.Change{Key: k, Object: w.objects[k]})
	}
	w.rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// Batch is the next edits, between one and as many as given.
func (w *Random) Batch(most int) []store.Change {
	out := make([]store.Change, 1+w.rand.IntN(most))
	for i := range out {
		out[i] = w.edit()
	}
	return out
}

// edit creates, changes or deletes an object.
func (w *Random) edit() store.Change {
	k := w.key()
	if w.one(6) {
		delete(w.objects, k)
		return store.Change{Key: k}
	}
	o := w.object(k)
	w.objects[k] = o
	return store.Change{Key: k, Object: o}
}

// key is the key of an object that may or may not exist.
func (w *Random) key() kobj.Key {
	kind := pick(w, kobj.HTTPProxy, kobj.HTTPProxy, kobj.HTTPProxy, kobj.Ingress, kobj.Ingress, kobj.Service, kobj.Service,
		kobj.Secret, kobj.TLSCertificateDelegation, kobj.EndpointSlice)
	names := map[kobj.Kind]string{
		kobj.HTTPProxy: pick(w, "root", "root", "child"), kobj.Ingress: "ingress", kobj.Service: "service", kobj.Secret: "secret",
		kobj.TLSCertificateDelegation: "delegation", kobj.EndpointSlice: "slice",
	}
	return kobj.Of(kind, w.namespace(), w.name(names[kind]))
}

func (w *Random) namespace() string       { return pick(w, "a", "a", "b") }
func (w *Random) name(kind string) string { return fmt.Sprintf("%s-%d", kind, w.rand.IntN(5)) }

// host is a name for a virtual host, now and then a bad one.
func (w *Random) host() string {
	return mostly(w, texts{
		"one.example.com", "two.example.com", "TWO.example.com", "three.example.com", "four.example.com", "*.example.com", "*.wild.org",
	}, "", "bad_host", "*.*.example.com")
}

// one is true once in n times.
func (w *Random) one(n int) bool { return w.rand.IntN(n) == 0 }

// some calls f for up to most times.
func (w *Random) some(most int, f func()) {
	for range w.rand.IntN(most + 1) {
		f()
	}
}

func pick[T any](w *Random, values ...T) T { return values[w.rand.IntN(len(values))] }

// mostly is a good value, and now and then a bad one: with more bad ones hardly anything would work as a whole.
func mostly[T any](w *Random, good []T, bad ...T) T {
	if w.one(20) {
		return pick(w, bad...)
	}
	return pick(w, good...)
}

// texts saves space in the lists of values.
type texts = []string

func (w *Random) object(k kobj.Key) metav1.Object {
	meta := metav1.ObjectMeta{
		Namespace: k.Namespace, Name: k.Name.Name, Generation: int64(w.rand.IntN(1000)),
		CreationTimestamp: metav1.NewTime(Now().AddDate(0, 0, -w.rand.IntN(3))),
	}
	if w.one(20) {
		meta.Annotations = map[string]string{pick(w, "projectcontour.io/ingress.class", "kubernetes.io/ingress.class"): pick(w, "contour", "other")}
	}
	switch k.Kind {
	case kobj.HTTPProxy:
		return &contourv1.HTTPProxy{ObjectMeta: meta, Spec: w.proxy(strings.HasPrefix(meta.Name, "root") != w.one(15))}
	case kobj.Ingress:
		return w.ingress(meta)
	case kobj.Service:
		return w.service(meta)
	case kobj.Secret:
		return w.secret(meta)
	case kobj.EndpointSlice:
		return w.slice(meta)
	default:
		return w.delegation(meta)
	}
}

func (w *Random) service(meta metav1.ObjectMeta) *corev1.Service {
	s := &corev1.Service{ObjectMeta: meta}
	s.Annotations = map[string]string{}
	if w.one(4) {
		s.Annotations[pick(w, "projectcontour.io/max-requests", "projectcontour.io/max-retries", "projectcontour.io/per-host-max-connections")] = pick(w, "7", "0", "x", "4294967296")
	}
	if w.one(4) {
		s.Annotations["projectcontour.io/upstream-protocol."+pick(w, "h2", "h2c", "tls")] = pick(w, "80", "web", "80,81", "")
	}
	if w.one(30) {
		s.Spec.Type, s.Spec.ExternalName = corev1.ServiceTypeExternalName, "example.com"
	}
	s.Spec.Ports = []corev1.ServicePort{{Name: pick(w, "web", "web", "http"), Port: 80}}
	if w.one(2) {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "more", Port: 81, Protocol: mostly(w, []corev1.Protocol{"", corev1.ProtocolTCP}, corev1.ProtocolUDP)})
	}
	if w.one(4) {
		protocol := pick(w, "kubernetes.io/h2c", "https", "http", "other")
		s.Spec.Ports[0].AppProtocol = &protocol
	}
	return s
}

func (w *Random) secret(meta metav1.ObjectMeta) *corev1.Secret {
	serving := pick(w, w.pairs...)
	s := &corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey: serving.Certificate, corev1.TLSPrivateKeyKey: serving.Key, "ca.crt": serving.Certificate,
	}}
	switch w.rand.IntN(20) {
	case 0:
		s.Type = pick(w, corev1.SecretTypeOpaque, corev1.SecretTypeDockercfg)
	case 1:
		delete(s.Data, pick(w, corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt"))
	case 2:
		s.Data[corev1.TLSPrivateKeyKey] = pick(w, w.pairs...).Key
	case 3:
		s.Data[pick(w, corev1.TLSCertKey, corev1.TLSPrivateKeyKey, "ca.crt")] = []byte("-----BEGIN CERTIFICATE-----\n")
	}
	return s
}

func (w *Random) delegation(meta metav1.ObjectMeta) *contourv1.TLSCertificateDelegation {
	d := &contourv1.TLSCertificateDelegation{ObjectMeta: meta}
	w.some(2, func() {
		d.Spec.Delegations = append(d.Spec.Delegations, contourv1.CertificateDelegation{
			SecretName: w.name("secret"), TargetNamespaces: pick(w, []string{"*"}, []string{"a", "b"}, []string{"c"}, nil),
		})
	})
	return d
}

func (w *Random) slice(meta metav1.ObjectMeta) *discoveryv1.EndpointSlice {
	meta.Labels = map[string]string{discoveryv1.LabelServiceName: w.name("service")}
	s := &discoveryv1.EndpointSlice{ObjectMeta: meta, AddressType: discoveryv1.AddressTypeIPv4}
	name, number, protocol := pick(w, "web", "http", "more", ""), int32(8080+w.rand.IntN(2)), corev1.ProtocolTCP
	s.Ports = []discoveryv1.EndpointPort{{Name: &name, Port: &number, Protocol: &protocol}}
	w.some(4, func() {
		ready := pick(w, nil, new(true), new(true), new(false))
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{pick(w, "10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1", "not an address")},
			Conditions: discoveryv1.EndpointConditions{Ready: ready, Serving: pick(w, nil, new(true)), Terminating: pick(w, nil, new(true))},
		})
	})
	return s
}
