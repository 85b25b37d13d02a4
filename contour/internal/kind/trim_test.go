package kind

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// full returns metadata in which every field is set.
func full() metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "default", Name: "a", UID: "u", ResourceVersion: "7", Generation: 2,
		Labels:          map[string]string{"app": "a", discoveryv1.LabelServiceName: "web"},
		Finalizers:      []string{"f"},
		OwnerReferences: []metav1.OwnerReference{{Name: "o"}},
		ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "m"}},
		Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": "{}",
			"example.com/note":                         "n",
			"projectcontour.io/num-retries":            "3",
			"ingress.kubernetes.io/force-ssl-redirect": "true",
		},
	}
}

func TestTrimKeepsIdentityAndRelevantAnnotations(t *testing.T) {
	t.Parallel()
	p := &contourv1.HTTPProxy{ObjectMeta: full(), Status: contourv1.HTTPProxyStatus{CurrentStatus: "valid"}}
	want := &contourv1.HTTPProxy{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: "a", UID: "u", ResourceVersion: "7", Generation: 2,
			Annotations: map[string]string{"projectcontour.io/num-retries": "3", "ingress.kubernetes.io/force-ssl-redirect": "true"},
		},
		Status: contourv1.HTTPProxyStatus{CurrentStatus: "valid"},
	}
	for range 2 { // the second run changes nothing
		httpProxy().Trim(p)
		if diff := cmp.Diff(want, p); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestTrimSecret(t *testing.T) {
	t.Parallel()
	data := func() map[string][]byte {
		return map[string][]byte{"tls.crt": {1}, "tls.key": {2}, "ca.crt": {3}, "crl.pem": {4}, "password": {5}}
	}
	pems := map[string][]byte{"tls.crt": {1}, "tls.key": {2}, "ca.crt": {3}, "crl.pem": {4}}
	for secretType, want := range map[corev1.SecretType]map[string][]byte{
		corev1.SecretTypeTLS: pems, corev1.SecretTypeOpaque: pems, corev1.SecretTypeDockerConfigJson: {},
	} {
		s := &corev1.Secret{ObjectMeta: full(), Type: secretType, Data: data()}
		trimSecret(s)
		if diff := cmp.Diff(want, s.Data); diff != "" || s.Type != secretType {
			t.Errorf("%s: %s", secretType, diff)
		}
	}
}

func TestTrimServiceKeepsPortsAndAddresses(t *testing.T) {
	t.Parallel()
	ports := []corev1.ServicePort{{Name: "http", Port: 80}}
	s := &corev1.Service{ObjectMeta: full(), Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeLoadBalancer, Ports: ports, ClusterIP: "10.0.0.1", Selector: map[string]string{"app": "a"},
	}}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.1"}}
	s.Status.Conditions = []metav1.Condition{{Type: "x"}}
	trimService(s)
	if diff := cmp.Diff(corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: ports}, s.Spec); diff != "" {
		t.Error(diff)
	}
	if len(s.Status.LoadBalancer.Ingress) != 1 || s.Status.Conditions != nil {
		t.Errorf("status %+v", s.Status)
	}
}

func TestTrimEndpointSliceKeepsServiceConditionsAndZone(t *testing.T) {
	t.Parallel()
	endpoint := discoveryv1.Endpoint{
		Addresses: []string{"10.1.1.1"}, Conditions: discoveryv1.EndpointConditions{Serving: ptr.To(true)}, Zone: ptr.To("z"),
	}
	fat := *endpoint.DeepCopy()
	fat.NodeName, fat.TargetRef = ptr.To("n"), &corev1.ObjectReference{Name: "pod"}
	s := &discoveryv1.EndpointSlice{ObjectMeta: full(), Endpoints: []discoveryv1.Endpoint{fat}}
	trimEndpointSlice(s)
	if diff := cmp.Diff([]discoveryv1.Endpoint{endpoint}, s.Endpoints); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{discoveryv1.LabelServiceName: "web"}, s.Labels); diff != "" {
		t.Error(diff)
	}
}
