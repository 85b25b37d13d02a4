// Package store holds the Kubernetes objects that the controller knows, by name,
// with the indexes by which derivations find them.
//
// Apply takes batches of changes; derivations read objects through the memo tables, which
// record every read. The descriptors of package kind define which fields of an object are
// relevant; an update of any other field is no change. The store does not interpret fields:
// compile does. Objects are shared with the watches and never modified.
package store

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// Change is a new state of one object; a nil Object means that the object is deleted.
type Change struct {
	Key    kobj.Key
	Object metav1.Object
}

// Store holds the objects as inputs of a memo engine.
type Store struct {
	HTTPProxies   *memo.Input[kobj.Name, *contourv1.HTTPProxy]
	Ingresses     *memo.Input[kobj.Name, *networkingv1.Ingress]
	Services      *memo.Input[kobj.Name, *corev1.Service]
	Secrets       *memo.Input[kobj.Name, *corev1.Secret]
	EndpointSlice *memo.Input[kobj.Name, *discoveryv1.EndpointSlice]

	GatewayClasses *memo.Input[kobj.Name, *gatewayv1.GatewayClass]
	Gateways       *memo.Input[kobj.Name, *gatewayv1.Gateway]
	ListenerSets   *memo.Input[kobj.Name, *gatewayv1.ListenerSet]
	HTTPRoutes     *memo.Input[kobj.Name, *gatewayv1.HTTPRoute]
	GRPCRoutes     *memo.Input[kobj.Name, *gatewayv1.GRPCRoute]
	TLSRoutes      *memo.Input[kobj.Name, *gatewayv1.TLSRoute]
	TCPRoutes      *memo.Input[kobj.Name, *gatewayv1.TCPRoute]
	UDPRoutes      *memo.Input[kobj.Name, *gatewayv1.UDPRoute]
	Namespaces     *memo.Input[kobj.Name, *corev1.Namespace]
	ConfigMaps     *memo.Input[kobj.Name, *corev1.ConfigMap]

	BackendTLSPolicies *memo.Input[kobj.Name, *gatewayv1.BackendTLSPolicy]

	ExtensionServices  *memo.Input[kobj.Name, *contourv1alpha1.ExtensionService]
	ContourDeployments *memo.Input[kobj.Name, *contourv1alpha1.ContourDeployment]

	// ManyEndpoints holds the number of endpoints, ready or not, of each Service with many of them, rounded up to a power of
	// two so that it rarely changes.
	ManyEndpoints *memo.Input[kobj.Name, int]

	Settings *Settings

	// Served holds kind.Served.
	Served *memo.Input[kobj.Kind, string]

	// Expired holds the Secrets whose certificate is past its end date: derivations have no clock.
	Expired *memo.Input[kobj.Name, struct{}]

	// KeySets holds the key sets that were fetched.
	KeySets *memo.Input[jwks.Owner, jwks.KeySet]

	descriptors kind.List
	kinds       map[kobj.Kind]objects // every kind that is stored, the ones above included
	delegations *typed[*contourv1.TLSCertificateDelegation]
	grants      *typed[*gatewayv1.ReferenceGrant]
	slices      *typed[*discoveryv1.EndpointSlice]
}

// New is an empty store whose tables belong to the engine. It has a table for each kind of kind.All that is stored;
// those that a derivation reads are named here, with the type of their objects.
func New(e *memo.Engine, c config.Config) *Store {
	s := &Store{descriptors: kind.All(), kinds: map[kobj.Kind]objects{}}
	s.HTTPProxies = add[*contourv1.HTTPProxy](s, e, s.descriptors.Get(kobj.HTTPProxy)).Input
	s.Ingresses = add[*networkingv1.Ingress](s, e, s.descriptors.Get(kobj.Ingress)).Input
	s.Services = add[*corev1.Service](s, e, s.descriptors.Get(kobj.Service)).Input
	s.ExtensionServices = add[*contourv1alpha1.ExtensionService](s, e, s.descriptors.Get(kobj.ExtensionService)).Input
	s.Secrets = add[*corev1.Secret](s, e, s.descriptors.Get(kobj.Secret)).Input
	s.slices = add[*discoveryv1.EndpointSlice](s, e, s.descriptors.Get(kobj.EndpointSlice))
	s.delegations = add[*contourv1.TLSCertificateDelegation](s, e, s.descriptors.Get(kobj.TLSCertificateDelegation))
	s.grants = add[*gatewayv1.ReferenceGrant](s, e, s.descriptors.Get(kobj.ReferenceGrant))
	s.GatewayClasses = add[*gatewayv1.GatewayClass](s, e, s.descriptors.Get(kobj.GatewayClass)).Input
	s.Gateways = add[*gatewayv1.Gateway](s, e, s.descriptors.Get(kobj.Gateway)).Input
	s.ListenerSets = add[*gatewayv1.ListenerSet](s, e, s.descriptors.Get(kobj.ListenerSet)).Input
	s.HTTPRoutes = add[*gatewayv1.HTTPRoute](s, e, s.descriptors.Get(kobj.HTTPRoute)).Input
	s.GRPCRoutes = add[*gatewayv1.GRPCRoute](s, e, s.descriptors.Get(kobj.GRPCRoute)).Input
	s.TLSRoutes = add[*gatewayv1.TLSRoute](s, e, s.descriptors.Get(kobj.TLSRoute)).Input
	s.TCPRoutes = add[*gatewayv1.TCPRoute](s, e, s.descriptors.Get(kobj.TCPRoute)).Input
	s.UDPRoutes = add[*gatewayv1.UDPRoute](s, e, s.descriptors.Get(kobj.UDPRoute)).Input
	s.BackendTLSPolicies = add[*gatewayv1.BackendTLSPolicy](s, e, s.descriptors.Get(kobj.BackendTLSPolicy)).Input
	s.ContourDeployments = add[*contourv1alpha1.ContourDeployment](s, e, s.descriptors.Get(kobj.ContourDeployment)).Input
	s.Namespaces = add[*corev1.Namespace](s, e, s.descriptors.Get(kobj.Namespace)).Input
	s.ConfigMaps = add[*corev1.ConfigMap](s, e, s.descriptors.Get(kobj.ConfigMap)).Input
	s.EndpointSlice = s.slices.Input
	s.countEndpoints(e)
	for i := range s.descriptors {
		if d := &s.descriptors[i]; d.Stored() && s.kinds[d.Kind] == nil {
			add[metav1.Object](s, e, d)
		}
	}
	s.Expired = memo.NewInput[kobj.Name](e, "store/expired", func(struct{}, struct{}) bool { return true })
	s.KeySets = newKeySets(e)
	s.Served = memo.NewInput[kobj.Kind](e, "store/served", func(a, b string) bool { return a == b })
	s.Settings = newSettings(e)
	s.Configure(c)
	return s
}

// SetServed records which kinds are served.
func (s *Store) SetServed(served kind.Served) {
	for k, version := range served {
		s.Served.Set(k, version)
	}
}

// tableName is the name of the table of a kind.
func tableName(k kobj.Kind) string { return "store/" + strings.ToLower(string(k)) }

// DemandRoots demands the key of every object of a kind that claims hosts (kind.Claims).
func DemandRoots[V any](s *Store, t *memo.Table[kobj.Key, V], k kobj.Kind) {
	switch d := s.descriptors.Get(k); {
	case d == nil || d.Claims.None():
	case d.Claims.All:
		s.kinds[k].follow(nil, demand(t))
	default:
		s.kinds[k].follow(d.Claims.If, demand(t))
	}
}

// DemandReported demands the key of every object of a kind with a status.
func DemandReported[V any](s *Store, t *memo.Table[kobj.Key, V]) {
	for i := range s.descriptors {
		if d := &s.descriptors[i]; d.Status != nil {
			s.kinds[d.Kind].follow(nil, demand(t))
		}
	}
}

// Reported reports whether objects of a kind have a status.
func (s *Store) Reported(k kobj.Kind) bool {
	d := s.descriptors.Get(k)
	return d != nil && d.Status != nil
}

func demand[V any](t *memo.Table[kobj.Key, V]) func(kobj.Key, bool) {
	return func(k kobj.Key, present bool) {
		if present {
			t.Demand(k)
		} else {
			t.Release(k)
		}
	}
}

// Claims reports whether an object claims hosts. It reads the object only if the kind does not decide that.
func (s *Store) Claims(r *memo.Reader, k kobj.Key) bool {
	of := s.kinds[k.Kind]
	return of != nil && of.claims(r, k.Name)
}

// DelegationsIn are the TLSCertificateDelegations of a namespace, by name.
func (s *Store) DelegationsIn(r *memo.Reader, namespace string) []*contourv1.TLSCertificateDelegation {
	return s.delegations.list(r, s.delegations.byNamespace.Get(r, namespace))
}

// GrantsIn are the ReferenceGrants of a namespace, by name.
func (s *Store) GrantsIn(r *memo.Reader, namespace string) []*gatewayv1.ReferenceGrant {
	return s.grants.list(r, s.grants.byNamespace.Get(r, namespace))
}

// SlicesOf are the EndpointSlices of a Service, by name.
func (s *Store) SlicesOf(r *memo.Reader, service kobj.Name) []*discoveryv1.EndpointSlice {
	return s.slices.list(r, s.slices.byOwner.Get(r, service))
}

// Get returns an object of a stored kind and whether it exists, and records the read.
func (s *Store) Get(r *memo.Reader, k kobj.Key) (metav1.Object, bool) {
	if of := s.kinds[k.Kind]; of != nil {
		return of.get(r, k.Name)
	}
	return nil, false
}

// Peek returns the present object, for callers outside the derivations; nil if there is none.
func (s *Store) Peek(k kobj.Key) metav1.Object {
	if of := s.kinds[k.Kind]; of != nil {
		return of.peek(k.Name)
	}
	return nil
}

// Complete reports whether the store has an object and, if its kind has parts, at least one part, such as a (possibly
// empty) EndpointSlice of a Service: that of the source of names for one of type ExternalName. It is for callers outside the derivations.
func (s *Store) Complete(k kobj.Key) bool {
	o := s.Peek(k)
	if o == nil {
		return false
	}
	if svc, ok := o.(*corev1.Service); ok && svc.Spec.Type == corev1.ServiceTypeExternalName {
		_, resolved := s.EndpointSlice.Peek(kind.ExternalSlice(k.Name))
		return resolved
	}
	parts := s.descriptors.Get(k.Kind).Parts
	return parts == "" || s.kinds[parts].parts(k.Name) > 0
}

// Permitted reports whether an object permits a reference that needs a permission; for callers outside the derivations.
func (s *Store) Permitted(r kind.Reference) bool {
	d := s.descriptors.Get(r.Permission)
	if d == nil || s.kinds[d.Kind] == nil {
		return false
	}
	return slices.ContainsFunc(s.kinds[d.Kind].inNamespace(r.To.Namespace), func(o metav1.Object) bool { return d.Permits(o, r) })
}

// Apply applies a batch of changes and returns the keys of the objects that changed in a relevant part.
func (s *Store) Apply(batch []Change) []kobj.Key {
	var changed []kobj.Key
	for _, c := range batch {
		if s.apply(c) {
			changed = append(changed, c.Key)
		}
	}
	return changed
}

// apply reports whether the change is relevant; changes of a kind that is not stored are not.
func (s *Store) apply(c Change) bool {
	of := s.kinds[c.Key.Kind]
	return of != nil && of.put(c)
}

// Len is the number of objects of each kind.
func (s *Store) Len() map[kobj.Kind]int {
	n := make(map[kobj.Kind]int, len(s.kinds))
	for k, of := range s.kinds {
		n[k] = of.Len()
	}
	return n
}
