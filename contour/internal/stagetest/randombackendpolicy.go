package stagetest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func (g *Random) backendPolicy(meta metav1.ObjectMeta) *gatewayv1.BackendTLSPolicy {
	o := &gatewayv1.BackendTLSPolicy{ObjectMeta: meta}
	for range 1 + g.rand.IntN(2) {
		t := gatewayv1.LocalPolicyTargetReferenceWithSectionName{}
		t.Kind, t.Name = mostly(g, []gatewayv1.Kind{"Service"}, "Other"), gatewayv1.ObjectName(g.name("service"))
		if g.oneIn(3) {
			t.SectionName = new(pick(g, gatewayv1.SectionName("web"), "more", "absent"))
		}
		o.Spec.TargetRefs = append(o.Spec.TargetRefs, t)
	}
	v := &o.Spec.Validation
	v.Hostname = mostly(g, []gatewayv1.PreciseHostname{"a.example.com", "B.example.com"}, "", "*.example.com", "10.0.0.1")
	if g.oneIn(4) {
		v.WellKnownCACertificates = mostly(g, []*gatewayv1.WellKnownCACertificatesType{new(gatewayv1.WellKnownCACertificatesSystem)}, new(gatewayv1.WellKnownCACertificatesType("Other")))
	}
	if v.WellKnownCACertificates == nil || g.oneIn(20) {
		v.CACertificateRefs = []gatewayv1.LocalObjectReference{{Kind: mostly(g, []gatewayv1.Kind{"ConfigMap"}, "Secret"), Name: gatewayv1.ObjectName(g.name("ca"))}}
	}
	if g.oneIn(4) {
		v.SubjectAltNames = append(v.SubjectAltNames, gatewayv1.SubjectAltName{
			Type: gatewayv1.HostnameSubjectAltNameType, Hostname: mostly(g, []gatewayv1.Hostname{"x.example.com", "*.example.com"}, "", "bad_host"),
		})
	}
	if g.oneIn(4) {
		v.SubjectAltNames = append(v.SubjectAltNames, gatewayv1.SubjectAltName{
			Type: mostly(g, []gatewayv1.SubjectAltNameType{gatewayv1.URISubjectAltNameType}, "Other"),
			URI:  mostly(g, []gatewayv1.AbsoluteURI{"spiffe://a.example/x"}, "", "relative", "\n"),
		})
	}
	return o
}
