package kube

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/store"
)

// The functions below take out of an object, before anybody else sees it, what no stage reads. At tens of thousands
// of objects managed fields, copies of manifests in annotations and data of unrelated Secrets are most of the memory.
// Each leaves alone an object of another type, and an object that it has trimmed before.

func trimMeta(m *metav1.ObjectMeta) {
	m.ManagedFields, m.OwnerReferences, m.Finalizers, m.Labels = nil, nil, nil, nil
	m.GenerateName = ""
	maps.DeleteFunc(m.Annotations, func(k, _ string) bool { return !store.Relevant(k) })
	if len(m.Annotations) == 0 {
		m.Annotations = nil
	}
}

func trimProxy(o runtime.Object) {
	if p, ok := o.(*contourv1.HTTPProxy); ok {
		trimMeta(&p.ObjectMeta)
	}
}

func trimDelegation(o runtime.Object) {
	if d, ok := o.(*contourv1.TLSCertificateDelegation); ok {
		trimMeta(&d.ObjectMeta)
		d.Status = contourv1.TLSCertificateDelegationStatus{}
	}
}

func trimIngress(o runtime.Object) {
	if i, ok := o.(*networkingv1.Ingress); ok {
		trimMeta(&i.ObjectMeta)
	}
}

func trimService(o runtime.Object) {
	s, ok := o.(*corev1.Service)
	if !ok {
		return
	}
	trimMeta(&s.ObjectMeta)
	s.Spec = corev1.ServiceSpec{Ports: s.Spec.Ports, Type: s.Spec.Type, ExternalName: s.Spec.ExternalName}
	s.Status = corev1.ServiceStatus{LoadBalancer: s.Status.LoadBalancer}
}

func trimSecret(o runtime.Object) {
	s, ok := o.(*corev1.Secret)
	if !ok {
		return
	}
	trimMeta(&s.ObjectMeta)
	s.Annotations, s.StringData = nil, nil
	maps.DeleteFunc(s.Data, func(key string, _ []byte) bool { return !dataOfUse(s.Type, key) })
}

// dataOfUse reports whether a value in a Secret of that type can be part of what a listener or cluster is given.
func dataOfUse(t corev1.SecretType, key string) bool {
	if t != corev1.SecretTypeTLS && t != corev1.SecretTypeOpaque && t != "" {
		return false
	}
	switch key {
	case corev1.TLSCertKey, corev1.TLSPrivateKeyKey, corev1.ServiceAccountRootCAKey, "crl.pem":
		return true
	default:
		return false
	}
}

func trimEndpointSlice(o runtime.Object) {
	s, ok := o.(*discoveryv1.EndpointSlice)
	if !ok {
		return
	}
	service := s.Labels[discoveryv1.LabelServiceName]
	trimMeta(&s.ObjectMeta)
	s.Annotations = nil
	s.Labels = map[string]string{discoveryv1.LabelServiceName: service}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		e.TargetRef, e.Hostname, e.NodeName, e.DeprecatedTopology = nil, nil, nil, nil
	}
}
