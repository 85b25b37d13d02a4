package kubelet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// balancer assigns addresses to Services of the type LoadBalancer.
type balancer struct {
	addresses netip.Prefix
	last      netip.Addr // that was chosen
	of        map[types.UID]*balanced
}

// balanced is what a Service has.
type balanced struct {
	address netip.Addr // the zero address: none
	at      *container // whose device has it; nil: none
}

func newBalancer(addresses netip.Prefix) *balancer {
	return &balancer{addresses: addresses, last: addresses.Addr(), of: map[types.UID]*balanced{}}
}

// reconcileBalancer writes the addresses of Services, and moves them to where these are served.
func (k *Kubelet) reconcileBalancer(ctx context.Context) error {
	if !k.balancer.addresses.IsValid() {
		return nil
	}
	services, err := k.services.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("services: %w", err)
	}
	services = slices.DeleteFunc(slices.Clone(services), func(s *corev1.Service) bool {
		return s.DeletionTimestamp != nil || s.Spec.Type != corev1.ServiceTypeLoadBalancer
	})
	slices.SortFunc(services, func(a, b *corev1.Service) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	errs := []error{k.withdrawOthers(services)}
	for _, s := range services {
		errs = append(errs, k.balance(ctx, s))
	}
	return errors.Join(errs...)
}

// withdrawOthers withdraws the addresses that are of no Service, or that it does not have any more.
func (k *Kubelet) withdrawOthers(services []*corev1.Service) error {
	exists := map[types.UID]*corev1.Service{}
	for _, s := range services {
		exists[s.UID] = s
	}
	var errs []error
	for uid, b := range k.balancer.of {
		if s := exists[uid]; s != nil && (s.Spec.LoadBalancerIP == "" || s.Spec.LoadBalancerIP == b.address.String()) {
			continue
		}
		errs = append(errs, k.detach(b))
		delete(k.balancer.of, uid)
	}
	return errors.Join(errs...)
}

// balance gives a Service its address, if it can have one.
func (k *Kubelet) balance(ctx context.Context, s *corev1.Service) error {
	b := k.balancer.of[s.UID]
	if b == nil {
		b = &balanced{address: k.balancer.choose(s.Spec.LoadBalancerIP)}
		if b.address.IsValid() {
			k.balancer.of[s.UID] = b // others look again when one is given back
		}
	}
	var ingress []corev1.LoadBalancerIngress
	if b.address.IsValid() {
		if err := k.attach(b, s); err != nil {
			return err
		}
		mode := corev1.LoadBalancerIPModeVIP
		ingress = []corev1.LoadBalancerIngress{{IP: b.address.String(), IPMode: &mode}}
	}
	if equality.Semantic.DeepEqual(s.Status.LoadBalancer.Ingress, ingress) {
		return nil
	}
	updated := s.DeepCopy()
	updated.Status.LoadBalancer.Ingress = ingress
	_, err := k.client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, updated, metav1.UpdateOptions{})
	return err
}

// choose returns the address that a Service asks for, or if it asks for none a free one; the zero address if it is not to be had.
func (b *balancer) choose(requested string) netip.Addr {
	used := map[netip.Addr]bool{}
	for _, of := range b.of {
		used[of.address] = true
	}
	if requested != "" {
		a, err := netip.ParseAddr(requested)
		if err != nil || !b.addresses.Contains(a) || used[a] {
			return netip.Addr{}
		}
		return a
	}
	for b.last = b.last.Next(); used[b.last]; {
		b.last = b.last.Next()
	}
	if !b.addresses.Contains(b.last) {
		return netip.Addr{}
	}
	return b.last
}

// attach moves an address to the first running Pod of its Service, unless it is at one.
func (k *Kubelet) attach(b *balanced, s *corev1.Service) error {
	pods, err := k.pods.Pods(s.Namespace).List(labels.SelectorFromSet(s.Spec.Selector))
	if err != nil {
		return fmt.Errorf("pods of %s/%s: %w", s.Namespace, s.Name, err)
	}
	pods = slices.DeleteFunc(slices.Clone(pods), func(p *corev1.Pod) bool { return k.running[p.UID] == nil })
	if len(pods) == 0 || slices.ContainsFunc(pods, func(p *corev1.Pod) bool { return k.running[p.UID] == b.at }) {
		return nil
	}
	if err := k.detach(b); err != nil {
		return err
	}
	to := slices.MinFunc(pods, func(a, b *corev1.Pod) int { return cmp.Compare(a.Name, b.Name) })
	at := k.running[to.UID]
	if err := k.options.Bridge.Assign(at.PID(), b.address); err != nil {
		return fmt.Errorf("service %s/%s: %w", s.Namespace, s.Name, err)
	}
	b.at = at
	return nil
}

// detach withdraws an address from the container that has it, if that still runs.
func (k *Kubelet) detach(b *balanced) error {
	at := b.at
	b.at = nil
	if at == nil || !at.Running() {
		return nil
	}
	return k.options.Bridge.Withdraw(at.PID(), b.address)
}
