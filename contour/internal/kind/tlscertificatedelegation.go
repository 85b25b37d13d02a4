package kind

import (
	"reflect"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups=projectcontour.io,resources=tlscertificatedelegations,verbs=list;watch

func tlsCertificateDelegation() Descriptor {
	return Descriptor{
		Kind: kobj.TLSCertificateDelegation, GroupVersion: contourv1.GroupVersion, Resource: "tlscertificatedelegations",
		AddToScheme: contourv1.AddToScheme,
		New:         func() Object { return &contourv1.TLSCertificateDelegation{} },
		Trim: trims(func(d *contourv1.TLSCertificateDelegation) {
			trimMeta(&d.ObjectMeta)
			d.Status = contourv1.TLSCertificateDelegationStatus{}
		}),
		Equal: equals(func(a, b *contourv1.TLSCertificateDelegation) bool { return reflect.DeepEqual(a.Spec, b.Spec) }),
		Permits: func(o metav1.Object, r Reference) bool {
			d, ok := o.(*contourv1.TLSCertificateDelegation)
			return ok && r.To.Kind == kobj.Secret && d.Namespace == r.To.Namespace && Delegates(d, r.To.Name.Name, r.From.Namespace)
		},
		Manifest: &Manifest{},
	}
}

// Delegates reports whether a delegation permits objects in a namespace to use the Secret of that name in its own namespace.
// A "*" must be the only target (spec 1.4).
func Delegates(d *contourv1.TLSCertificateDelegation, secret, namespace string) bool {
	return slices.ContainsFunc(d.Spec.Delegations, func(c contourv1.CertificateDelegation) bool {
		all := len(c.TargetNamespaces) == 1 && c.TargetNamespaces[0] == "*"
		return c.SecretName == secret && (all || slices.Contains(c.TargetNamespaces, namespace))
	})
}
