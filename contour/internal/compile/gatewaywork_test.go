package compile_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// hostileRoutes is routes of the Gateway API, and Gateways, that make the most of their size, as the objects of hostile.
func hostileRoutes() map[string]func(n int) []store.Change {
	return map[string]func(n int) []store.Change{
		"routes of a listener": func(n int) []store.Change {
			world := gatewayWorld(1)
			for i := range n {
				world = append(world, httpRouteOf(i, []string{"g-0"}, fmt.Sprintf("h%d.example.com", i)))
			}
			return world
		},
		"routes of one hostname": func(n int) []store.Change {
			world := gatewayWorld(1)
			for i := range n {
				world = append(world, httpRouteOf(i, []string{"g-0"}, "h.example.com"))
			}
			return world
		},
		"routes of two kinds": func(n int) []store.Change {
			world := gatewayWorld(1)
			for i := range n {
				host := fmt.Sprintf("h%d.example.com", i/2)
				if i%2 == 0 {
					world = append(world, httpRouteOf(i, []string{"g-0"}, host, "*.example.com"))
					continue
				}
				o := &gatewayv1.GRPCRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("g", i)}}
				o.Spec.ParentRefs, o.Spec.Hostnames = []gatewayv1.ParentReference{{Name: "g-0"}}, []gatewayv1.Hostname{gatewayv1.Hostname(host)}
				world = append(world, store.Change{Key: kobj.Of(kobj.GRPCRoute, "a", o.Name), Object: o})
			}
			return world
		},
		"Gateways with all listeners": func(n int) []store.Change { return gatewayWorld(n / maxListeners) },
		"ListenerSets of a Gateway": func(n int) []store.Change {
			world := gatewayWorld(1)
			all := gatewayv1.NamespacesFromAll
			world[1].Object.(*gatewayv1.Gateway).Spec.AllowedListeners = &gatewayv1.AllowedListeners{Namespaces: &gatewayv1.ListenerNamespaces{From: &all}}
			const each = maxListeners
			for i := range n / each {
				o := &gatewayv1.ListenerSet{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("set-", i)}}
				o.Spec.ParentRef.Name = "g-0"
				for j := range each { // of which half have the hostname of another set
					l := gatewayv1.ListenerEntry{Name: gatewayv1.SectionName(fmt.Sprint("l", j)), Port: 80, Protocol: gatewayv1.HTTPProtocolType}
					l.Hostname = new(gatewayv1.Hostname(fmt.Sprintf("h%d.s%d.example", j, i-i%2)))
					o.Spec.Listeners = append(o.Spec.Listeners, l)
				}
				world = append(world, store.Change{Key: kobj.Of(kobj.ListenerSet, "a", o.Name), Object: o})
				r := httpRouteOf(i, []string{o.Name}, fmt.Sprintf("h0.s%d.example", i))
				r.Object.(*gatewayv1.HTTPRoute).Spec.ParentRefs[0].Kind = new(gatewayv1.Kind(kobj.ListenerSet))
				world = append(world, r)
			}
			return world
		},
		"routes of many Gateways": func(n int) []store.Change {
			const parents = 32
			world := gatewayWorld(parents)
			var all []string
			for i := range parents {
				all = append(all, fmt.Sprint("g-", i))
			}
			for i := range n / parents {
				world = append(world, httpRouteOf(i, all, fmt.Sprintf("h%d.example.com", i)))
			}
			return world
		},
	}
}

// hostileReferences is the same of what routes refer to.
func hostileReferences() map[string]func(n int) []store.Change {
	return map[string]func(n int) []store.Change{
		"Services of many Gateways": func(n int) []store.Change {
			const parents = 32
			world := gatewayWorld(parents)
			var all []string
			for i := range parents {
				all = append(all, fmt.Sprint("g-", i))
			}
			for i := range n / 512 {
				r := httpRouteOf(i, all, fmt.Sprintf("h%d.example.com", i))
				spec := &r.Object.(*gatewayv1.HTTPRoute).Spec
				for j := range 512 {
					name := gatewayv1.ObjectName(fmt.Sprint("s", i, "-", j))
					if j%16 == 0 {
						spec.Rules = append(spec.Rules, gatewayv1.HTTPRouteRule{})
					}
					to := spec.Rules[0].BackendRefs[0]
					to.Name = name
					last := &spec.Rules[len(spec.Rules)-1]
					last.BackendRefs = append(last.BackendRefs, to)
					s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: string(name)}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
					p := &gatewayv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: string(name)}}
					p.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: name}}}
					world = append(world, store.Change{Key: kobj.Of(kobj.Service, "a", s.Name), Object: s}, store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "a", p.Name), Object: p})
				}
				world = append(world, r)
			}
			return world
		},
		"policies of a Service": func(n int) []store.Change {
			world := append(gatewayWorld(1), httpRouteOf(0, []string{"g-0"}, "h.example.com"))
			for i := range n {
				p := &gatewayv1.BackendTLSPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("p", i)}}
				p.Spec.TargetRefs = []gatewayv1.LocalPolicyTargetReferenceWithSectionName{{LocalPolicyTargetReference: gatewayv1.LocalPolicyTargetReference{Kind: "Service", Name: "s"}}}
				p.Spec.Validation.CACertificateRefs = []gatewayv1.LocalObjectReference{{Kind: "ConfigMap", Name: "ca"}}
				world = append(world, store.Change{Key: kobj.Of(kobj.BackendTLSPolicy, "a", p.Name), Object: p})
			}
			return world
		},
		"ReferenceGrants": func(n int) []store.Change {
			world := gatewayWorld(1)
			for i := range n {
				g := &gatewayv1.ReferenceGrant{ObjectMeta: metav1.ObjectMeta{Namespace: "b", Name: fmt.Sprint("grant", i)}}
				for j := range 16 {
					g.Spec.From = append(g.Spec.From, gatewayv1.ReferenceGrantFrom{Group: gatewayv1.GroupName, Kind: "HTTPRoute", Namespace: gatewayv1.Namespace(fmt.Sprint("ns", j))})
					g.Spec.To = append(g.Spec.To, gatewayv1.ReferenceGrantTo{Kind: "Service", Name: new(gatewayv1.ObjectName(fmt.Sprint("s", i, "-", j)))})
				}
				world = append(world, store.Change{Key: kobj.Of(kobj.ReferenceGrant, "b", g.Name), Object: g})
			}
			o := httpRouteOf(0, []string{"g-0"}, "h.example.com")
			o.Object.(*gatewayv1.HTTPRoute).Spec.Rules[0].BackendRefs[0].Namespace = new(gatewayv1.Namespace("b"))
			return append(world, o)
		},
	}
}

// maxListeners is the number of listeners that a Gateway can have.
const maxListeners = 64

// gatewayWorld returns a class with n Gateways, the first listener of which accepts all hostnames.
func gatewayWorld(n int) []store.Change {
	class := &gatewayv1.GatewayClass{ObjectMeta: metav1.ObjectMeta{Name: "contour"}, Spec: gatewayv1.GatewayClassSpec{ControllerName: "projectcontour.io/gateway-controller"}}
	world := []store.Change{{Key: kobj.Of(kobj.GatewayClass, "", "contour"), Object: class}}
	for i := range n {
		g := &gatewayv1.Gateway{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("g-", i)}, Spec: gatewayv1.GatewaySpec{GatewayClassName: "contour"}}
		for j := range maxListeners {
			l := gatewayv1.Listener{Name: gatewayv1.SectionName(fmt.Sprint("l", j)), Port: 80, Protocol: gatewayv1.HTTPProtocolType}
			if j > 0 {
				l.Hostname = new(gatewayv1.Hostname(fmt.Sprintf("%s%d.other.example", strings.Repeat("x", 40), j)))
			}
			g.Spec.Listeners = append(g.Spec.Listeners, l)
		}
		world = append(world, store.Change{Key: kobj.Of(kobj.Gateway, "a", g.Name), Object: g})
	}
	return world
}

func httpRouteOf(i int, gateways []string, hosts ...string) store.Change {
	o := &gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: fmt.Sprint("r", i)}}
	for _, g := range gateways {
		o.Spec.ParentRefs = append(o.Spec.ParentRefs, gatewayv1.ParentReference{Name: gatewayv1.ObjectName(g)})
	}
	for _, h := range hosts {
		o.Spec.Hostnames = append(o.Spec.Hostnames, gatewayv1.Hostname(h))
	}
	o.Spec.Rules = []gatewayv1.HTTPRouteRule{{BackendRefs: []gatewayv1.HTTPBackendRef{{BackendRef: gatewayv1.BackendRef{
		BackendObjectReference: gatewayv1.BackendObjectReference{Name: "s", Port: new(gatewayv1.PortNumber(80))},
	}}}}}
	return store.Change{Key: kobj.Of(kobj.HTTPRoute, "a", o.Name), Object: o}
}
