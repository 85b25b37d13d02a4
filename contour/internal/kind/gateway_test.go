package kind

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

func TestGatewayDefaults(t *testing.T) {
	t.Parallel()
	var got, want gatewayv1.Gateway
	for text, into := range map[string]*gatewayv1.Gateway{
		`{"spec": {"listeners": [{"name": "a"}, {"name": "b", "allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"kind": "TCPRoute"}]}, "tls": {"certificateRefs": [{"name": "c"}]}}],
		"addresses": [{"value": "192.0.2.1"}]}}`: &got,
		`{"spec": {"listeners": [{"name": "a", "allowedRoutes": {"namespaces": {"from": "Same"}}},
		{"name": "b", "allowedRoutes": {"namespaces": {"from": "All"}, "kinds": [{"group": "gateway.networking.k8s.io", "kind": "TCPRoute"}]},
		"tls": {"mode": "Terminate", "certificateRefs": [{"group": "", "kind": "Secret", "name": "c"}]}}], "addresses": [{"type": "IPAddress", "value": "192.0.2.1"}]}}`: &want,
	} {
		data := []byte(text)
		if into == &got {
			data = gateway().Manifest.Fill(data)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("defaulted (-want +got):\n%s", diff)
	}
}

func TestTrimConfigMapAndNamespace(t *testing.T) {
	t.Parallel()
	identity := metav1.ObjectMeta{Namespace: "default", Name: "a", UID: "u", ResourceVersion: "7", Generation: 2}
	c := &corev1.ConfigMap{ObjectMeta: full(), Data: map[string]string{"a": "b", "ca.crt": "c"}, BinaryData: map[string][]byte{"c": {1}}}
	configMap().Trim(c)
	if diff := cmp.Diff(&corev1.ConfigMap{ObjectMeta: identity, Data: map[string]string{"ca.crt": "c"}}, c); diff != "" {
		t.Errorf("ConfigMap (-want +got):\n%s", diff)
	}
	n := &corev1.Namespace{ObjectMeta: full(), Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes"}}}
	namespace().Trim(n)
	identity.Labels = full().Labels
	if diff := cmp.Diff(&corev1.Namespace{ObjectMeta: identity}, n); diff != "" {
		t.Errorf("Namespace (-want +got):\n%s", diff)
	}
}
