package stagetest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

func (g *Random) authorization() *contourv1.AuthorizationServer {
	a := &contourv1.AuthorizationServer{
		ExtensionServiceRef: contourv1.ExtensionServiceReference{
			APIVersion: mostly(g, texts{"", "projectcontour.io/v1alpha1"}, "v1"),
			Name:       mostly(g, texts{g.name("extension"), g.name("extension")}, ""),
		},
		AuthPolicy: g.authPolicy(), ResponseTimeout: g.duration(), FailOpen: g.oneIn(3),
		ServiceType: mostly(g, []contourv1.AuthorizationServiceType{"", "grpc", "http"}, "other"),
	}
	if g.oneIn(3) {
		a.WithRequestBody = &contourv1.AuthorizationServerBufferSettings{
			MaxRequestBytes: mostly(g, []uint32{0, 1, 1024}, 1<<30), AllowPartialMessage: g.oneIn(2), PackAsBytes: g.oneIn(2),
		}
	}
	if a.ServiceType == "http" && g.oneIn(2) {
		a.HTTPSettings = &contourv1.HTTPAuthorizationServerSettings{
			PathPrefix: mostly(g, texts{"", "/", "/check"}, "check", "/a?b", "/a\n"), AllowedAuthorizationHeaders: g.allowedHeaders(), AllowedUpstreamHeaders: g.allowedHeaders(),
		}
	}
	return a
}

func (g *Random) allowedHeaders() (out []contourv1.HTTPAuthorizationServerAllowedHeaders) {
	g.repeat(3, func() {
		out = append(out, mostly(g, []contourv1.HTTPAuthorizationServerAllowedHeaders{
			{Exact: "X-User"}, {Prefix: "x-"}, {Suffix: "-id", IgnoreCase: true}, {Contains: "auth"},
		}, contourv1.HTTPAuthorizationServerAllowedHeaders{}, contourv1.HTTPAuthorizationServerAllowedHeaders{Exact: "a", Prefix: "a"},
			contourv1.HTTPAuthorizationServerAllowedHeaders{Exact: "Transfer-Encoding"}, contourv1.HTTPAuthorizationServerAllowedHeaders{Prefix: ":path"}))
	})
	return out
}

func (g *Random) authPolicy() *contourv1.AuthorizationPolicy {
	switch g.rand.IntN(12) {
	case 0:
		return &contourv1.AuthorizationPolicy{Disabled: new(g.oneIn(2))}
	case 1:
		return &contourv1.AuthorizationPolicy{Context: map[string]string{pick(g, "a", "b"): pick(g, "1", "2", "")}}
	case 2:
		return &contourv1.AuthorizationPolicy{Disabled: new(g.oneIn(2)), Context: map[string]string{"a": "1"}}
	}
	return nil
}

func (g *Random) extension(meta metav1.ObjectMeta) *contourv1alpha1.ExtensionService {
	s := &contourv1alpha1.ExtensionService{ObjectMeta: meta}
	for range 1 + g.rand.IntN(2) {
		s.Spec.Services = append(s.Spec.Services, contourv1alpha1.ExtensionServiceTarget{
			Name: g.name("service"), Port: mostly(g, []int{80, 80, 81}, 0, 70000), Weight: pick[uint32](g, 0, 0, 1, 7, 1<<32-1),
		})
	}
	if g.oneIn(2) {
		s.Spec.Protocol = new(mostly(g, texts{"h2", "h2c", "http/1.1"}, "", "other"))
	}
	if g.oneIn(4) {
		s.Spec.UpstreamValidation = &contourv1.UpstreamValidation{
			CACertificate: pick(g, g.name("secret"), "b/"+g.name("secret")), SubjectName: mostly(g, texts{"one", "two.example.com"}, ""),
		}
	}
	if g.oneIn(4) {
		s.Spec.LoadBalancerPolicy = &contourv1.LoadBalancerPolicy{Strategy: pick(g, "Random", "WeightedLeastRequest", "Cookie", "RoundRobin")}
	}
	if g.oneIn(4) {
		s.Spec.TimeoutPolicy = &contourv1.TimeoutPolicy{Response: g.duration(), Idle: g.duration(), IdleConnection: g.duration()}
	}
	if g.oneIn(4) {
		s.Spec.CircuitBreakerPolicy = &contourv1alpha1.CircuitBreakers{MaxRequests: uint32(g.rand.IntN(3)), PerHostMaxConnections: uint32(g.rand.IntN(3))}
	}
	return s
}
