package cluster

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/kind/pkg/cluster/nodes"

	"contour.example/harness/poll"
)

// join adds to every node a route to the pods of every other, where no CNI daemon does
// it, and waits until all nodes are ready.
func (k *Kind) join(ctx context.Context, c *Cluster) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if k.NoCNI {
		if err := k.route(ctx, client); err != nil {
			return err
		}
	}
	return poll.Until(ctx, readyTimeout, "nodes", func(ctx context.Context) (bool, string, error) {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error(), nil
		}
		for _, n := range list.Items {
			if !ready(n) {
				return false, n.Name + " is not ready", nil
			}
		}
		c.Nodes = true
		return len(list.Items) == 1+k.Workers, fmt.Sprintf("%d nodes", len(list.Items)), nil
	})
}

func ready(n corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

func (k *Kind) route(ctx context.Context, client kubernetes.Interface) error {
	var routes map[string][]route
	err := poll.Until(ctx, time.Minute, "pod networks of the nodes", func(ctx context.Context) (bool, string, error) {
		list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error(), nil
		}
		var missing string
		routes, missing = podRoutes(list.Items)
		return missing == "" && len(list.Items) == 1+k.Workers, missing + " has none", nil
	})
	if err != nil {
		return err
	}
	all, err := k.provider().ListInternalNodes(k.Name)
	if err != nil {
		return err
	}
	for _, node := range all {
		if err := addRoutes(node, routes[node.String()]); err != nil {
			return err
		}
	}
	return nil
}

func addRoutes(node nodes.Node, routes []route) error {
	for _, r := range routes {
		if err := node.Command("ip", "route", "replace", r.to.String(), "via", r.via.String()).Run(); err != nil {
			return fmt.Errorf("route on %s to %s: %w", node, r.to, err)
		}
	}
	return nil
}

// route is a route to the pods of another node.
type route struct {
	to  netip.Prefix
	via netip.Addr
}

// podRoutes are the routes of each node, by its name: to each pod network of another
// node by that node's address of the same family. missing is a node that has none yet.
func podRoutes(list []corev1.Node) (routes map[string][]route, missing string) {
	routes = map[string][]route{}
	for _, target := range list {
		if len(target.Spec.PodCIDRs) == 0 {
			return nil, target.Name
		}
		for _, r := range routesTo(target) {
			for _, from := range list {
				if from.Name != target.Name {
					routes[from.Name] = append(routes[from.Name], r)
				}
			}
		}
	}
	return routes, ""
}

func routesTo(n corev1.Node) []route {
	var routes []route
	for _, text := range n.Spec.PodCIDRs {
		to, err := netip.ParsePrefix(text)
		if err != nil {
			continue // the API server has checked it
		}
		for _, a := range n.Status.Addresses {
			via, err := netip.ParseAddr(a.Address)
			if a.Type == corev1.NodeInternalIP && err == nil && via.Is4() == to.Addr().Is4() {
				routes = append(routes, route{to, via})
			}
		}
	}
	return routes
}
