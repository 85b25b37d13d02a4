package gatewayapi

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
)

// Provisioned is what is to exist of the fleet of a Gateway. The zero value is nothing.
type Provisioned struct {
	Fleet *provision.Fleet // nil: nothing, unless Keep
	// Keep: what exists stays as it is, since the Gateway or its class cannot be used as it is now, or exceeds a budget.
	Keep bool
}

// provisions reports whether Gateways have fleets of their own.
func (x *Compiler) provisions(r *memo.Reader) bool {
	s := x.env.Store.Settings.Gateways.Get(r)
	return s.Provision && s.Only == (kobj.Name{})
}

// placeOf returns where a Gateway is served.
func (x *Compiler) placeOf(r *memo.Reader, n kobj.Name) place {
	if x.provisions(r) {
		return place{ir.Fleet(provision.FleetName(n)), n}
	}
	return place{ir.DefaultFleet, n}
}

// deriveFleet returns what is to exist of the fleet of a Gateway. Nothing is deleted because a class or parameters are missing: load
// balancers would lose their addresses by a mistake elsewhere.
func (x *Compiler) deriveFleet(r *memo.Reader, n kobj.Name) Provisioned {
	g, ok := x.env.Store.Gateways.Get(r, n)
	if !ok || !x.provisions(r) {
		return Provisioned{}
	}
	if _, exists := x.env.Store.GatewayClasses.Get(r, kobj.Name{Name: string(g.Spec.GatewayClassName)}); !exists {
		return Provisioned{Keep: true}
	}
	of, verdict := x.classOf(r, g), x.gateways.Get(r, n)
	switch {
	case !of.ours:
		return Provisioned{}
	case of.problem.is() || verdict == nil || verdict.problem.is() || x.refused(r, kobj.Key{Kind: kobj.Gateway, Name: n}):
		return Provisioned{Keep: true}
	}
	f := &provision.Fleet{Gateway: n, UID: g.UID, Class: string(g.Spec.GatewayClassName), Ports: x.ports(r, n, verdict)}
	static, assign := requested(g)
	f.Addresses, f.Assign = texts(static), assign
	if i := g.Spec.Infrastructure; i != nil {
		f.Labels, f.Annotations = plain(i.Labels), plain(i.Annotations)
	}
	class := x.classParameters.Get(r, kobj.Name{Name: f.Class})
	var err error
	if f.Parameters, err = class.parameters.Override(x.gatewayParameters(r, g).parameters); err != nil {
		return Provisioned{Keep: true}
	}
	return Provisioned{Fleet: f}
}

// ports returns the ports of the accepted listeners of a Gateway and of its ListenerSets.
func (x *Compiler) ports(r *memo.Reader, n kobj.Name, g *gateway) []provision.Port {
	ofSets, _ := x.setPorts.Get(r, n)
	out := slices.Clone(ofSets)
	for i := range g.listeners {
		if l := &g.listeners[i]; l.accepted() {
			out = append(out, provision.Port{Number: int32(l.port), UDP: l.protocol == ir.ListenUDP})
		}
	}
	slices.SortFunc(out, comparePorts)
	return slices.Compact(out)
}

func comparePorts(a, b provision.Port) int {
	return cmp.Or(cmp.Compare(a.Number, b.Number), compareBool(a.UDP, b.UDP))
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// texts returns the static addresses that are addresses; the others can never be used.
func texts(static []staticAddress) []string {
	var out []string
	for _, s := range static {
		if s.ip.IsValid() {
			out = append(out, s.ip.String())
		}
	}
	return out
}

func plain[K, V ~string](m map[K]V) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[string(k)] = string(v)
	}
	return out
}

// published returns the addresses of the Services of a Gateway, of static ones those that were requested, and of the others all; and the
// number of Services that it asks for.
func (x *Compiler) published(r *memo.Reader, g *gatewayv1.Gateway) (out Assignment, services int) {
	static, assign := requested(g)
	names := provision.ServiceNames(g.Name, texts(static), assign)
	var all []netip.Addr
	for i, name := range names {
		s, ok := x.env.Store.Services.Get(r, kobj.Name{Namespace: g.Namespace, Name: name})
		if !ok || s.Labels[provision.GatewayLabel] != provision.LabelValue(g.Name) {
			continue
		}
		ips, hostnames := addressesOf(s)
		all = append(all, ips...)
		if assign && i == len(names)-1 {
			out.Usable, out.Hostnames = ips, hostnames
		}
	}
	for _, s := range static {
		switch {
		case !s.ip.IsValid() || !slices.Contains(all, s.ip):
			out.Unusable = append(out.Unusable, s.value)
		case !slices.Contains(out.Usable, s.ip):
			out.Usable = append(out.Usable, s.ip)
		}
	}
	return out, len(names)
}

// servedElsewhere reports whether a pod of the fleet of a Gateway is ready. If no Envoy of the fleet is connected to this replica, one is to
// another: a pod is not ready before its Envoy has a configuration, and replicas share what their Envoys reject.
func (x *Compiler) servedElsewhere(r *memo.Reader, at place) bool {
	if !at.dedicated() {
		return x.readyPods.Get(r, kobj.Name{})
	}
	return x.readyPods.Get(r, at.gateway)
}

// deriveReadyPods reports whether a pod of the fleet of a Gateway is ready, or with the zero name one of the fleet that Gateways share. It is a
// table, since the statuses of many objects read it.
func (x *Compiler) deriveReadyPods(r *memo.Reader, n kobj.Name) bool {
	for _, s := range x.servicesOf(r, n) {
		if slices.ContainsFunc(x.env.Store.SlicesOf(r, s), hasReady) {
			return true
		}
	}
	return false
}

// servicesOf returns the Services of the fleet of a Gateway, or with the zero name that of the fleet that Gateways share.
func (x *Compiler) servicesOf(r *memo.Reader, n kobj.Name) (out []kobj.Name) {
	if n == (kobj.Name{}) {
		of := x.env.Store.Settings.Status.Get(r).EnvoyService
		return []kobj.Name{{Namespace: of.Namespace, Name: of.Name}}
	}
	g, ok := x.env.Store.Gateways.Get(r, n)
	if !ok {
		return nil
	}
	static, assign := requested(g)
	for _, name := range provision.ServiceNames(g.Name, texts(static), assign) {
		n := kobj.Name{Namespace: g.Namespace, Name: name}
		if s, ok := x.env.Store.Services.Get(r, n); ok && s.Labels[provision.GatewayLabel] == provision.LabelValue(g.Name) {
			out = append(out, n)
		}
	}
	return out
}

// hasReady reports whether an endpoint of a slice is ready.
func hasReady(s *discoveryv1.EndpointSlice) bool {
	return slices.ContainsFunc(s.Endpoints, func(e discoveryv1.Endpoint) bool { return e.Conditions.Ready != nil && *e.Conditions.Ready })
}

// maxPublished bounds the addresses of a Service in the status of a Gateway, which may have 16.
const maxPublished = 8

// addressesOf returns the addresses at which a Service can be reached: of its load balancer, or in the cluster if it has none.
func addressesOf(s *corev1.Service) (ips []netip.Addr, hostnames []string) {
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		for _, a := range s.Spec.ClusterIPs[:min(len(s.Spec.ClusterIPs), maxPublished)] {
			if ip := parseAddress(a); ip.IsValid() {
				ips = append(ips, ip)
			}
		}
		return ips, nil
	}
	for _, i := range s.Status.LoadBalancer.Ingress[:min(len(s.Status.LoadBalancer.Ingress), maxPublished)] {
		if ip := parseAddress(i.IP); ip.IsValid() {
			ips = append(ips, ip)
		} else if i.Hostname != "" {
			hostnames = append(hostnames, i.Hostname)
		}
	}
	return ips, hostnames
}

// statsListener returns the listener for the readiness and the statistics of the Envoys of a fleet.
func (x *Compiler) statsListener(r *memo.Reader, f ir.Fleet) ir.Listener {
	return ir.Listener{
		Key: ir.ListenerKey{Fleet: f, Name: classic.Stats().Name}, Socket: classic.Stats().Name,
		Addresses: []string{x.env.Store.Settings.Listeners.Get(r).Stats.Host}, Port: provision.StatsPort, Admin: true,
	}
}
