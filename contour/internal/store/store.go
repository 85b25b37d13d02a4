// Package store holds the Kubernetes objects that the controller knows, by name,
// with the indexes by which derivations find them.
//
// Batches of changes go in; derivations read through the memo tables, so that every
// read is recorded. The store knows kinds and keys and which fields of an object can
// matter at all (an update of anything else is no change); what a field means is
// compile's business. Objects are shared with the watches and never modified.
package store

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// Change is a new state of one object; a nil Object means that it is gone.
type Change struct {
	Key    kobj.Key
	Object metav1.Object
}

// Store holds the objects as inputs of a memo engine.
type Store struct {
	HTTPProxies   *memo.Input[kobj.Name, *contourv1.HTTPProxy]
	Delegations   *memo.Input[kobj.Name, *contourv1.TLSCertificateDelegation]
	Ingresses     *memo.Input[kobj.Name, *networkingv1.Ingress]
	Services      *memo.Input[kobj.Name, *corev1.Service]
	Secrets       *memo.Input[kobj.Name, *corev1.Secret]
	EndpointSlice *memo.Input[kobj.Name, *discoveryv1.EndpointSlice]

	Settings *Settings

	// Expired holds the Secrets whose certificate is past its end date: derivations have no clock.
	Expired *memo.Input[kobj.Name, struct{}]

	delegationsByNamespace *memo.Index[string, kobj.Name]
	slicesByService        *memo.Index[kobj.Name, kobj.Name]
}

// New is an empty store whose tables belong to the engine.
func New(e *memo.Engine, c config.Config) *Store {
	s := &Store{
		HTTPProxies:   memo.NewInput[kobj.Name](e, "store/httpproxy", equalHTTPProxy),
		Delegations:   memo.NewInput[kobj.Name](e, "store/tlscertificatedelegation", equalDelegation),
		Ingresses:     memo.NewInput[kobj.Name](e, "store/ingress", equalIngress),
		Services:      memo.NewInput[kobj.Name](e, "store/service", equalService),
		Secrets:       memo.NewInput[kobj.Name](e, "store/secret", equalSecret),
		EndpointSlice: memo.NewInput[kobj.Name](e, "store/endpointslice", equalEndpointSlice),
		Expired:       memo.NewInput[kobj.Name](e, "store/expired", func(struct{}, struct{}) bool { return true }),
		Settings:      newSettings(e),
	}
	s.index()
	s.Configure(c)
	return s
}

func (s *Store) index() {
	s.delegationsByNamespace = memo.NewIndex(s.Delegations, "delegationsByNamespace", kobj.Name.Compare,
		func(n kobj.Name, _ *contourv1.TLSCertificateDelegation) []string { return []string{n.Namespace} })
	s.slicesByService = memo.NewIndex(s.EndpointSlice, "slicesByService", kobj.Name.Compare,
		func(n kobj.Name, e *discoveryv1.EndpointSlice) []kobj.Name {
			return []kobj.Name{{Namespace: n.Namespace, Name: e.Labels[discoveryv1.LabelServiceName]}}
		})
}

// HoldProxyRoots makes a table hold the key of every HTTPProxy that may claim a host: those with a virtualhost.
func HoldProxyRoots[V any](s *Store, t *memo.Table[kobj.Key, V]) {
	memo.Hold(s.HTTPProxies, t, func(n kobj.Name, p *contourv1.HTTPProxy) []kobj.Key {
		if p.Spec.VirtualHost == nil {
			return nil
		}
		return []kobj.Key{{Kind: kobj.HTTPProxy, Name: n}}
	})
}

// HoldReported makes a table hold the key of every object that has a status: the HTTPProxies and the Ingresses.
func HoldReported[V any](s *Store, t *memo.Table[kobj.Key, V]) {
	memo.Hold(s.HTTPProxies, t, func(n kobj.Name, _ *contourv1.HTTPProxy) []kobj.Key {
		return []kobj.Key{{Kind: kobj.HTTPProxy, Name: n}}
	})
	HoldIngresses(s, t)
}

// HoldIngresses makes a table hold the key of every Ingress.
func HoldIngresses[V any](s *Store, t *memo.Table[kobj.Key, V]) {
	memo.Hold(s.Ingresses, t, func(n kobj.Name, _ *networkingv1.Ingress) []kobj.Key {
		return []kobj.Key{{Kind: kobj.Ingress, Name: n}}
	})
}

// DelegationsIn are the TLSCertificateDelegations of a namespace, by name.
func (s *Store) DelegationsIn(r *memo.Reader, namespace string) []*contourv1.TLSCertificateDelegation {
	return collect(r, s.Delegations, s.delegationsByNamespace.Get(r, namespace))
}

// SlicesOf are the EndpointSlices of a Service, by name.
func (s *Store) SlicesOf(r *memo.Reader, service kobj.Name) []*discoveryv1.EndpointSlice {
	return collect(r, s.EndpointSlice, s.slicesByService.Get(r, service))
}

// Complete says whether a Service is known, and an EndpointSlice of it, if only an empty one; for whoever stands outside
// the derivations.
func (s *Store) Complete(service kobj.Name) bool {
	_, ok := s.Services.Peek(service)
	return ok && s.slicesByService.Count(service) > 0
}

func collect[V any](r *memo.Reader, from *memo.Input[kobj.Name, V], names []kobj.Name) []V {
	objects := make([]V, 0, len(names))
	for _, n := range names {
		if o, ok := from.Get(r, n); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

// Apply takes over a batch of changes and returns the keys of those that changed anything that can matter.
func (s *Store) Apply(batch []Change) []kobj.Key {
	var changed []kobj.Key
	for _, c := range batch {
		if s.apply(c) {
			changed = append(changed, c.Key)
		}
	}
	return changed
}

func (s *Store) apply(c Change) bool {
	switch c.Key.Kind {
	case kobj.HTTPProxy:
		return put(s.HTTPProxies, c)
	case kobj.TLSCertificateDelegation:
		return put(s.Delegations, c)
	case kobj.Ingress:
		return put(s.Ingresses, c)
	case kobj.Service:
		return put(s.Services, c)
	case kobj.Secret:
		return put(s.Secrets, c)
	case kobj.EndpointSlice:
		return put(s.EndpointSlice, c)
	default: // a kind that nothing reads yet
		return false
	}
}

func put[V metav1.Object](in *memo.Input[kobj.Name, V], c Change) bool {
	if c.Object == nil {
		return in.Delete(c.Key.Name)
	}
	v, ok := c.Object.(V)
	return ok && in.Set(c.Key.Name, v)
}

// Len is the number of objects of each kind.
func (s *Store) Len() map[kobj.Kind]int {
	return map[kobj.Kind]int{
		kobj.HTTPProxy:                s.HTTPProxies.Len(),
		kobj.TLSCertificateDelegation: s.Delegations.Len(),
		kobj.Ingress:                  s.Ingresses.Len(),
		kobj.Service:                  s.Services.Len(),
		kobj.Secret:                   s.Secrets.Len(),
		kobj.EndpointSlice:            s.EndpointSlice.Len(),
	}
}

// Relevant reports whether an annotation with that key is one of those that the controller may read. Sources may
// drop the others.
func Relevant(key string) bool {
	prefix, _, _ := strings.Cut(key, "/")
	return prefix == contourv1.GroupName || prefix == "kubernetes.io" || prefix == "ingress.kubernetes.io"
}
