package extension

import (
	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/condition"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// Status returns the status of an ExtensionService of that generation with these diagnostics, which are sorted.
func Status(generation int64, diagnostics []report.Diagnostic, _ []corev1.LoadBalancerIngress) *contourv1alpha1.ExtensionServiceStatus {
	return &contourv1alpha1.ExtensionServiceStatus{
		Conditions: []contourv1.DetailedCondition{condition.Valid(generation, diagnostics, "Valid ExtensionService")},
	}
}

// References returns the references of an ExtensionService to its Services and its Secret.
func References(s *contourv1alpha1.ExtensionService) []kind.Reference {
	from := kobj.Of(kobj.ExtensionService, s.Namespace, s.Name)
	var out []kind.Reference
	for i := range s.Spec.Services {
		out = append(out, kind.Reference{From: from, To: kobj.Of(kobj.Service, s.Namespace, s.Spec.Services[i].Name)})
	}
	if v := s.Spec.UpstreamValidation; v != nil && v.CACertificate != "" {
		out = append(out, ref.ToSecret(from, ref.SecretName(s.Namespace, v.CACertificate)))
	}
	return out
}
