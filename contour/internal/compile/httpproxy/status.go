package httpproxy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/condition"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// The values of status.currentStatus.
const (
	StatusValid    = "valid"
	StatusInvalid  = "invalid"
	StatusOrphaned = "orphaned"
)

// Class returns the class in the spec of an HTTPProxy; "" if there is none.
func Class(p *contourv1.HTTPProxy) string { return p.Spec.IngressClassName }

// Status returns the status of an HTTPProxy of that generation with these diagnostics, which are sorted.
func Status(generation int64, diagnostics []report.Diagnostic, addresses []corev1.LoadBalancerIngress) *contourv1.HTTPProxyStatus {
	valid := condition.Valid(generation, diagnostics, "Valid HTTPProxy")
	s := &contourv1.HTTPProxyStatus{
		CurrentStatus: StatusValid,
		Description:   valid.Message,
		LoadBalancer:  corev1.LoadBalancerStatus{Ingress: addresses},
		Conditions:    []contourv1.DetailedCondition{valid},
	}
	if valid.Status == contourv1.ConditionTrue {
		return s
	}
	s.CurrentStatus = StatusInvalid
	if i := slices.IndexFunc(diagnostics, func(d report.Diagnostic) bool { return d.Type == report.TypeOrphaned }); i >= 0 {
		s.CurrentStatus, s.Description = StatusOrphaned, diagnostics[i].Message
	}
	return s
}

// Orphaned returns the diagnostic of an HTTPProxy that no root visits.
func Orphaned(k kobj.Key) report.Diagnostic {
	return report.Diagnostic{
		Object: k, Type: report.TypeOrphaned, Reason: report.Orphaned,
		Message: "No root HTTPProxy includes this HTTPProxy, directly or through others.",
	}
}
