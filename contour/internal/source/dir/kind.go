package dir

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kobj"
)

// endpoints is the kind of handwritten endpoints, which the controller knows only as EndpointSlices.
const endpoints kobj.Kind = "Endpoints"

// ours is the group of the controller's own kinds.
const ours = "projectcontour.io"

// kind is a kind of objects that is read.
type kind struct {
	version string // its apiVersion
	key     kobj.Kind
	new     func() metav1.Object
}

func kinds() []kind {
	const core = "v1"
	var (
		contour  = contourv1.GroupVersion.String()
		alpha    = contourv1alpha1.GroupVersion.String()
		network  = networkingv1.SchemeGroupVersion.String()
		discover = discoveryv1.SchemeGroupVersion.String()
	)
	return []kind{
		{contour, kobj.HTTPProxy, func() metav1.Object { return &contourv1.HTTPProxy{} }},
		{contour, kobj.TLSCertificateDelegation, func() metav1.Object { return &contourv1.TLSCertificateDelegation{} }},
		{alpha, kobj.ExtensionService, func() metav1.Object { return &contourv1alpha1.ExtensionService{} }},
		{alpha, kobj.ContourConfiguration, func() metav1.Object { return &contourv1alpha1.ContourConfiguration{} }},
		{network, kobj.Ingress, func() metav1.Object { return &networkingv1.Ingress{} }},
		{core, kobj.Service, func() metav1.Object { return &corev1.Service{} }},
		{core, kobj.Secret, func() metav1.Object { return &corev1.Secret{} }},
		{discover, kobj.EndpointSlice, func() metav1.Object { return &discoveryv1.EndpointSlice{} }},
		{core, endpoints, func() metav1.Object { return &corev1.Endpoints{} }}, //nolint:staticcheck // deprecated in favour of EndpointSlice, and still what people write by hand
	}
}

// kindOf finds a kind that is read; nil for the others, with what to say if it looks like a mistake.
func kindOf(version, name string) (k *kind, why string) {
	named := ""
	for _, k := range kinds() {
		if string(k.key) != name {
			continue
		}
		if k.version == version {
			return &k, ""
		}
		named = k.version
	}
	group, err := schema.ParseGroupVersion(version)
	switch {
	case err != nil:
		return nil, fmt.Sprintf("The apiVersion %q is none.", cut(version))
	case named != "" && (builtIn(group.Group) || strings.Contains(named, ours)):
		return nil, fmt.Sprintf("The kind %s is read as %s, not as %s.", name, named, cut(version))
	case !exists(group, name):
		return nil, fmt.Sprintf("There is no kind %q in %s.", cut(name), cut(version))
	}
	return nil, ""
}

// builtIn reports whether the group belongs to Kubernetes itself.
func builtIn(group string) bool {
	return !strings.Contains(group, ".") || strings.HasSuffix(group, ".k8s.io")
}

// exists reports whether there is such a kind, or nobody can know that.
func exists(gv schema.GroupVersion, name string) bool {
	switch {
	case gv.Group == ours:
		return name == "ContourDeployment"
	case !strings.Contains(gv.Group, "."), scheme.Scheme.IsGroupRegistered(gv.Group):
		return scheme.Scheme.Recognizes(gv.WithKind(name))
	}
	return true
}
