package stagetest

import (
	"bytes"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Decode reads manifests as they are given to kubectl. Unknown kinds and fields are errors, and so is an object
// without a namespace or one that is there twice.
func Decode(manifests []byte) ([]store.Change, error) {
	var changes []store.Change
	seen := map[kobj.Key]bool{}
	for i, doc := range bytes.Split(append([]byte("\n"), manifests...), []byte("\n---\n")) {
		c, err := decodeOne(doc)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		if seen[c.Key] {
			return nil, fmt.Errorf("%s is there twice", c.Key)
		}
		seen[c.Key] = true
		changes = append(changes, c)
	}
	return changes, nil
}

func decodeOne(doc []byte) (store.Change, error) {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return store.Change{}, err
	}
	kind := kobj.Kind(head.Kind)
	o := newObject(kind)
	if o == nil {
		return store.Change{}, fmt.Errorf("kind %q is not one that is read", kind)
	}
	if want := apiVersion(kind); head.APIVersion != want {
		return store.Change{}, fmt.Errorf("apiVersion of a %s is %s, not %q", kind, want, head.APIVersion)
	}
	if err := yaml.UnmarshalStrict(doc, o); err != nil {
		return store.Change{}, err
	}
	key := kobj.Of(kind, o.GetNamespace(), o.GetName())
	if key.Namespace == "" || key.Name.Name == "" {
		return store.Change{}, fmt.Errorf("%s has no namespace or no name", key)
	}
	return store.Change{Key: key, Object: o}, nil
}

func newObject(k kobj.Kind) metav1.Object {
	switch k {
	case kobj.HTTPProxy:
		return &contourv1.HTTPProxy{}
	case kobj.TLSCertificateDelegation:
		return &contourv1.TLSCertificateDelegation{}
	case kobj.Ingress:
		return &networkingv1.Ingress{}
	case kobj.Service:
		return &corev1.Service{}
	case kobj.Secret:
		return &corev1.Secret{}
	case kobj.EndpointSlice:
		return &discoveryv1.EndpointSlice{}
	default:
		return nil
	}
}

func apiVersion(k kobj.Kind) string {
	switch k {
	case kobj.Ingress:
		return "networking.k8s.io/v1"
	case kobj.Service, kobj.Secret:
		return "v1"
	case kobj.EndpointSlice:
		return "discovery.k8s.io/v1"
	default:
		return "projectcontour.io/v1"
	}
}
