package stagetest

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func (w *Random) ingress(meta metav1.ObjectMeta) *networkingv1.Ingress {
	i := &networkingv1.Ingress{ObjectMeta: meta}
	i.Annotations = w.annotations(meta.Annotations)
	if w.one(4) {
		b := w.ingressBackend()
		i.Spec.DefaultBackend = &b
	}
	w.some(3, func() { i.Spec.Rules = append(i.Spec.Rules, w.rule()) })
	w.some(2, func() {
		t := networkingv1.IngressTLS{SecretName: mostly(w, texts{w.name("secret")}, "")}
		w.some(2, func() { t.Hosts = append(t.Hosts, w.host()) })
		i.Spec.TLS = append(i.Spec.TLS, t)
	})
	if w.one(20) {
		i.Spec.IngressClassName = new(pick(w, "contour", "other"))
	}
	return i
}

func (w *Random) annotations(of map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range of {
		out[k] = v
	}
	w.some(2, func() {
		switch name := pick(w, "force-ssl-redirect", "allow-http", "num-retries", "per-try-timeout", "retry-on", "response-timeout",
			"tls-minimum-protocol-version", "tls-maximum-protocol-version", "tls-cert-namespace", "websocket-routes", "nonsense"); name {
		case "force-ssl-redirect":
			out["ingress.kubernetes.io/"+name] = pick(w, "true", "false", "x")
		case "allow-http":
			out["kubernetes.io/ingress."+name] = pick(w, "true", "false", "x")
		case "websocket-routes":
			out["projectcontour.io/"+name] = pick(w, "/a", "/a,/", "nothing")
		default:
			good := map[string]string{
				"num-retries": "3", "per-try-timeout": "1s", "retry-on": "5xx", "response-timeout": "infinity",
				"tls-minimum-protocol-version": "1.3", "tls-maximum-protocol-version": "1.3", "tls-cert-namespace": "b",
			}[name]
			out["projectcontour.io/"+name] = mostly(w, texts{good}, "1", "-1", "1s", "", "\r\n")
		}
	})
	return out
}

func (w *Random) rule() networkingv1.IngressRule {
	r := networkingv1.IngressRule{Host: w.host()}
	if w.one(8) {
		return r
	}
	r.HTTP = &networkingv1.HTTPIngressRuleValue{}
	w.some(3, func() {
		r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{
			Path:     mostly(w, texts{"/", "/a", "/a/", "/a/b", "/a.*", "/x^", ""}, "/[", "bad", "/a?b"),
			PathType: mostly(w, []*networkingv1.PathType{nil, new(networkingv1.PathTypePrefix), new(networkingv1.PathTypeExact), new(networkingv1.PathTypeImplementationSpecific)}, new(networkingv1.PathType("Other"))),
			Backend:  w.ingressBackend(),
		})
	})
	return r
}

func (w *Random) ingressBackend() networkingv1.IngressBackend {
	if w.one(12) {
		return networkingv1.IngressBackend{}
	}
	s := &networkingv1.IngressServiceBackend{Name: w.name("service")}
	if w.one(3) {
		s.Port.Name = mostly(w, texts{"web", "more"}, "absent")
	} else {
		s.Port.Number = mostly(w, []int32{80, 80, 81}, 0, 70000)
	}
	return networkingv1.IngressBackend{Service: s}
}
