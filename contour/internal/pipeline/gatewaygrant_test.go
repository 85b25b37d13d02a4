package pipeline_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// certificateGrant returns a ReferenceGrant in a namespace.
func certificateGrant(namespace string, from gatewayv1.ReferenceGrantFrom, to gatewayv1.ReferenceGrantTo) store.Change {
	return store.Change{Key: kobj.Of(kobj.ReferenceGrant, namespace, "grant"), Object: &gatewayv1.ReferenceGrant{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "grant"},
		Spec:       gatewayv1.ReferenceGrantSpec{From: []gatewayv1.ReferenceGrantFrom{from}, To: []gatewayv1.ReferenceGrantTo{to}},
	}}
}

// holders returns the fleets whose Envoys are sent the private key.
func (s *system) holders(key []byte) (out []ir.Fleet) {
	text := bytes.TrimSpace(key)
	for _, f := range s.fleets.Names() {
		for _, v := range s.fleets.Get(f).All() {
			if bytes.Contains(v.Body(), text) {
				out = append(out, f)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// A private key of another namespace reaches the Envoys of a Gateway only with a grant for exactly that: from the kind and the namespace of
// the object that refers to it, to Secrets or to this one. It leaves them with the grant, and never reaches the Envoys of another Gateway.
func TestKeysReachEnvoysWithAGrantOnly(t *testing.T) {
	t.Parallel()
	c := gatewayConfig()
	c.Gateways.Provision = true
	from := func(kind, namespace string) gatewayv1.ReferenceGrantFrom {
		return gatewayv1.ReferenceGrantFrom{Group: gatewayv1.GroupName, Kind: gatewayv1.Kind(kind), Namespace: gatewayv1.Namespace(namespace)}
	}
	ofCore := from("Gateway", "infra")
	ofCore.Group = ""
	secrets, this, other := gatewayv1.ReferenceGrantTo{Kind: "Secret"}, gatewayv1.ReferenceGrantTo{Kind: "Secret", Name: ptr(gatewayv1.ObjectName("cert"))}, gatewayv1.ReferenceGrantTo{Kind: "Secret", Name: ptr(gatewayv1.ObjectName("other"))}
	for _, referrer := range []string{"Gateway", "ListenerSet", "Gateway as a client"} {
		kind, _, asClient := strings.Cut(referrer, " as ")
		namespace := map[string]string{"Gateway": "infra", "ListenerSet": "team"}[kind]
		for _, row := range []struct {
			name  string
			grant store.Change
			want  bool
		}{
			{"all Secrets", certificateGrant("certs", from(kind, namespace), secrets), true},
			{"this Secret", certificateGrant("certs", from(kind, namespace), this), true},
			{"another Secret", certificateGrant("certs", from(kind, namespace), other), false},
			{"another kind of target", certificateGrant("certs", from(kind, namespace), gatewayv1.ReferenceGrantTo{Kind: "Service"}), false},
			{"a route", certificateGrant("certs", from("HTTPRoute", namespace), secrets), false},
			{"the other kind", certificateGrant("certs", from(map[string]string{"Gateway": "ListenerSet", "ListenerSet": "Gateway"}[kind], namespace), secrets), false},
			{"another namespace", certificateGrant("certs", from(kind, "evil"), secrets), false},
			{"another group", certificateGrant("certs", ofCore, secrets), false},
			{"in the namespace of the referrer", certificateGrant(namespace, from(kind, namespace), secrets), false},
		} {
			t.Run(referrer+"/"+row.name, func(t *testing.T) {
				t.Parallel()
				s := newSystem(t, c)
				cert := secret(t, "certs", "cert")
				key := cert.Data[corev1.TLSPrivateKeyKey]
				s.Step(append(grantWorld(t, kind, asClient, cert), change(cert)...))
				check := func(when string, want bool) {
					t.Helper()
					got := s.holders(key)
					if want && !slices.Equal(got, []ir.Fleet{"gw/infra/web"}) || !want && len(got) > 0 {
						t.Errorf("%s: the key is sent to the fleets %v", when, got)
					}
				}
				check("without a grant", false)
				s.Step([]store.Change{row.grant})
				check("with the grant", row.want)
				s.Step([]store.Change{{Key: row.grant.Key}})
				check("when it is deleted", false)
			})
		}
	}
}

// grantWorld returns Gateways infra/web and infra/other, and a ListenerSet of the first. The one of that kind refers to the Secret, for a
// listener or as the client of backends, to which a route leads.
func grantWorld(t *testing.T, kind string, asClient bool, cert *corev1.Secret) []store.Change {
	t.Helper()
	web := secure(gatewayOf("infra", "web", 0, 1, nil, nil, "8443/a.example", "8080/"), 0)
	set := listenerSetOf("team", "set", 1, "8443/set.example")
	g := web.Object.(*gatewayv1.Gateway)
	g.Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: ptr(gatewayv1.NamespacesFromAll)}}
	to := gatewayv1.SecretObjectReference{Name: gatewayv1.ObjectName(cert.Name), Namespace: ptr(gatewayv1.Namespace(cert.Namespace))}
	switch {
	case asClient:
		g.Spec.TLS = &gatewayv1.GatewayTLSConfig{Backend: &gatewayv1.GatewayBackendTLS{ClientCertificateRef: &to}}
	case kind == "Gateway":
		g.Spec.Listeners[0].TLS.CertificateRefs[0] = to
	default:
		set.Object.(*gatewayv1.ListenerSet).Spec.Listeners[0].TLS.CertificateRefs[0] = to
	}
	other := secure(gatewayOf("infra", "other", 0, 1, nil, nil, "8443/a.example"), 0)
	own := change(secret(t, "infra", "cert"))
	tls := service(0)
	tls.Annotations = map[string]string{"projectcontour.io/upstream-protocol.tls": "80"}
	return slices.Concat(gatewayService(), []store.Change{gatewayClass(), web, set, other, forwarding("r", "infra/web", "b.example", "service-0")},
		change(tls), change(slice(0, "10.0.0.1")), own, change(secret(t, "team", "cert")))
}
