package balancer_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"contour.example/harness/balancer"
	"contour.example/harness/poll"
)

func service(name, address string, ports ...int32) *corev1.Service {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: name}}
	s.Spec.Type = corev1.ServiceTypeLoadBalancer
	for _, p := range ports {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Port: p, Protocol: corev1.ProtocolTCP})
	}
	if address != "" {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	}
	return s
}

func pool(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, t := range texts {
		all = append(all, netip.MustParseAddr(t))
	}
	return all
}

func TestAssign(t *testing.T) {
	t.Parallel()
	internal, other := service("internal", "", 80), service("other", "", 80)
	internal.Spec.Type = corev1.ServiceTypeClusterIP
	requested, outside, same := service("z", "", 80), service("outside", "", 80), service("same", "", 80)
	requested.Spec.LoadBalancerIP, outside.Spec.LoadBalancerIP, same.Spec.LoadBalancerIP = "10.0.0.1", "192.0.2.1", "10.0.0.1"
	class := "example.com/cloud"
	other.Spec.LoadBalancerClass = &class
	for what, c := range map[string]struct {
		services []*corev1.Service
		pool     []netip.Addr
		want     []string
	}{
		"a free address each":          {[]*corev1.Service{service("b", "", 80), service("a", "", 80)}, pool("10.0.0.1", "10.0.0.2"), []string{"a 10.0.0.1", "b 10.0.0.2"}},
		"assignments stay":             {[]*corev1.Service{service("a", "10.0.0.1", 80), service("b", "", 80)}, pool("10.0.0.1", "10.0.0.2"), []string{"b 10.0.0.2"}},
		"an address is shared by port": {[]*corev1.Service{service("a", "10.0.0.1", 80), service("b", "", 443)}, pool("10.0.0.1"), []string{"b 10.0.0.1"}},
		"none is left":                 {[]*corev1.Service{service("a", "10.0.0.1", 80), service("b", "", 80)}, pool("10.0.0.1"), nil},
		"a requested address":          {[]*corev1.Service{service("a", "", 80), requested}, pool("10.0.0.1", "10.0.0.2"), []string{"z 10.0.0.1", "a 10.0.0.2"}},
		"requests outside of the pool": {[]*corev1.Service{outside}, pool("10.0.0.1"), nil},
		"a request for one in use":     {[]*corev1.Service{service("a", "10.0.0.1", 80), same}, pool("10.0.0.1", "10.0.0.2"), nil},
		"not for us":                   {[]*corev1.Service{internal, other}, pool("10.0.0.1"), nil},
	} {
		var got []string
		for _, a := range balancer.Assign(c.services, c.pool) {
			got = append(got, fmt.Sprint(a.Name, " ", a.Address))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

func TestRunWritesStatuses(t *testing.T) {
	t.Parallel()
	client := fake.NewClientset(service("a", "", 80))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- balancer.Run(ctx, client, pool("10.0.0.1", "10.0.0.2"), slog.New(slog.DiscardHandler))
	}()
	await := func(name, want string) {
		t.Helper()
		err := poll.Until(t.Context(), 10*time.Second, "address of "+name, func(ctx context.Context) (bool, string, error) {
			s, err := client.CoreV1().Services("n").Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, "", err
			}
			got := s.Status.LoadBalancer.Ingress
			return len(got) == 1 && got[0].IP == want, fmt.Sprint(got), nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	await("a", "10.0.0.1")
	if _, err := client.CoreV1().Services("n").Create(t.Context(), service("b", "", 80), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await("b", "10.0.0.2")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
