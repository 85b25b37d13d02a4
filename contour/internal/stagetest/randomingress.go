package stagetest

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (g *Random) ingress(meta metav1.ObjectMeta) *networkingv1.Ingress {
	i := &networkingv1.Ingress{ObjectMeta: meta}
	i.Annotations = g.annotations(meta.Annotations)
	if g.oneIn(4) {
		b := g.ingressBackend()
		i.Spec.DefaultBackend = &b
	}
	g.repeat(3, func() { i.Spec.Rules = append(i.Spec.Rules, g.rule()) })
	g.repeat(2, func() {
		t := networkingv1.IngressTLS{SecretName: mostly(g, texts{g.name("secret")}, "")}
		g.repeat(2, func() { t.Hosts = append(t.Hosts, g.host()) })
		i.Spec.TLS = append(i.Spec.TLS, t)
	})
	if g.oneIn(20) {
		i.Spec.IngressClassName = new(pick(g, "contour", "other"))
	}
	return i
}

func (g *Random) annotations(of map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range of {
		out[k] = v
	}
	g.repeat(2, func() {
		switch name := pick(g, "force-ssl-redirect", "allow-http", "num-retries", "per-try-timeout", "retry-on", "response-timeout",
			"tls-minimum-protocol-version", "tls-maximum-protocol-version", "tls-cert-namespace", "websocket-routes", "nonsense"); name {
		case "force-ssl-redirect":
			out["ingress.kubernetes.io/"+name] = pick(g, "true", "false", "x")
		case "allow-http":
			out["kubernetes.io/ingress."+name] = pick(g, "true", "false", "x")
		case "websocket-routes":
			out["projectcontour.io/"+name] = pick(g, "/a", "/a,/", "nothing")
		default:
			valid := map[string]string{
				"num-retries": "3", "per-try-timeout": "1s", "retry-on": "5xx", "response-timeout": "infinity",
				"tls-minimum-protocol-version": "1.3", "tls-maximum-protocol-version": "1.3", "tls-cert-namespace": "b",
			}[name]
			out["projectcontour.io/"+name] = mostly(g, texts{valid}, "1", "-1", "1s", "", "\r\n")
		}
	})
	return out
}

func (g *Random) rule() networkingv1.IngressRule {
	r := networkingv1.IngressRule{Host: g.host()}
	if g.oneIn(8) {
		return r
	}
	r.HTTP = &networkingv1.HTTPIngressRuleValue{}
	g.repeat(3, func() {
		r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{
			Path:     mostly(g, texts{"/", "/a", "/a/", "/a/b", "/a.*", "/x^", ""}, "/[", "bad", "/a?b"),
			PathType: mostly(g, []*networkingv1.PathType{nil, new(networkingv1.PathTypePrefix), new(networkingv1.PathTypeExact), new(networkingv1.PathTypeImplementationSpecific)}, new(networkingv1.PathType("Other"))),
			Backend:  g.ingressBackend(),
		})
	})
	return r
}

func (g *Random) ingressBackend() networkingv1.IngressBackend {
	if g.oneIn(12) {
		return networkingv1.IngressBackend{}
	}
	s := &networkingv1.IngressServiceBackend{Name: g.name("service")}
	if g.oneIn(3) {
		s.Port.Name = mostly(g, texts{"web", "more"}, "absent")
	} else {
		s.Port.Number = mostly(g, []int32{80, 80, 81}, 0, 70000)
	}
	return networkingv1.IngressBackend{Service: s}
}
