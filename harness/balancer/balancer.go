// Package balancer assigns addresses to Services of type LoadBalancer in clusters without a
// cloud provider.
//
// It takes a pool of addresses and writes one of them into the status of each such
// Service. kube-proxy does the rest: a node that receives packets for the address
// forwards them to the pods. The caller makes the network deliver these packets to a node, by a route or
// because the addresses are those of nodes. The package keeps no state of its own: assignments
// are in the statuses.
package balancer

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// retry is the pause after a write that failed.
const retry = time.Second

// Assignment is an address for a Service that has none.
type Assignment struct {
	Namespace, Name string
	Address         netip.Addr
}

// port is an address, protocol and port that a Service uses.
type port struct {
	address  string
	protocol corev1.Protocol
	number   int32
}

// Assign returns addresses for the Services that need one: the first of
// the pool that no Service has, or else the first on which none of their ports is in
// use. A Service that requests an address of the pool, as spec.loadBalancerIP, gets that one or none, and
// no other Service gets it before. A Service for which there is no address is not in the result.
func Assign(services []*corev1.Service, pool []netip.Addr) []Assignment {
	taken, used := map[port]bool{}, map[string]bool{}
	occupy := func(s *corev1.Service, address string) {
		used[address] = true
		for _, p := range s.Spec.Ports {
			taken[port{address, p.Protocol, p.Port}] = true
		}
	}
	var waiting []*corev1.Service
	for _, s := range services {
		if !ours(s) {
			continue
		}
		if len(s.Status.LoadBalancer.Ingress) == 0 {
			waiting = append(waiting, s)
		}
		for _, i := range s.Status.LoadBalancer.Ingress {
			occupy(s, i.IP)
		}
	}
	slices.SortFunc(waiting, requestsFirst)
	var assigned []Assignment
	for _, s := range waiting {
		if a, ok := choose(s, pool, used, taken); ok {
			occupy(s, a.String())
			assigned = append(assigned, Assignment{s.Namespace, s.Name, a})
		}
	}
	return assigned
}

func choose(s *corev1.Service, pool []netip.Addr, used map[string]bool, taken map[port]bool) (netip.Addr, bool) {
	if s.Spec.LoadBalancerIP != "" {
		pool = slices.DeleteFunc(slices.Clone(pool), func(a netip.Addr) bool { return a.String() != s.Spec.LoadBalancerIP })
	}
	for _, a := range pool {
		if !used[a.String()] {
			return a, true
		}
	}
	for _, a := range pool {
		if !slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return taken[port{a.String(), p.Protocol, p.Port}] }) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// ours reports whether the Service is for the cluster's only load balancer.
func ours(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass == nil && s.DeletionTimestamp == nil
}

// requestsFirst sorts Services that request an address before others, and then by age.
func requestsFirst(a, b *corev1.Service) int {
	if requests := a.Spec.LoadBalancerIP != ""; requests != (b.Spec.LoadBalancerIP != "") {
		if requests {
			return -1
		}
		return 1
	}
	if c := a.CreationTimestamp.Compare(b.CreationTimestamp.Time); c != 0 {
		return c
	}
	return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
}

// Run assigns addresses until ctx ends.
func Run(ctx context.Context, client kubernetes.Interface, pool []netip.Addr, log *slog.Logger) error {
	changed := make(chan struct{}, 1)
	wake := func(any) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	services := factory.Core().V1().Services()
	_, err := services.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: wake, DeleteFunc: wake, UpdateFunc: func(_, o any) { wake(o) },
	})
	if err != nil {
		return fmt.Errorf("watch Services: %w", err)
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	if !cache.WaitForCacheSync(ctx.Done(), services.Informer().HasSynced) {
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
		all, err := services.Lister().List(labels.Everything())
		if err != nil {
			return fmt.Errorf("list Services: %w", err)
		}
		if err := write(ctx, client, Assign(all, pool), log); err != nil {
			log.Warn("address not written", "error", err)
			timer := time.AfterFunc(retry, func() { wake(nil) })
			defer timer.Stop()
		}
	}
}

func write(ctx context.Context, client kubernetes.Interface, assigned []Assignment, log *slog.Logger) error {
	for _, a := range assigned {
		var s corev1.Service
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: a.Address.String()}}
		patch, err := json.Marshal(map[string]any{"status": map[string]any{"loadBalancer": s.Status.LoadBalancer}})
		if err != nil {
			return err
		}
		_, err = client.CoreV1().Services(a.Namespace).Patch(ctx, a.Name, types.MergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil {
			return err
		}
		log.Info("address assigned", "namespace", a.Namespace, "service", a.Name, "address", a.Address)
	}
	return nil
}
