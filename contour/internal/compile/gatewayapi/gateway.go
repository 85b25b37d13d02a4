package gatewayapi

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// gateway is the verdict on a Gateway of this controller.
type gateway struct {
	place     place
	created   time.Time
	problem   problem // why it is not accepted
	unused    string  // why a part of its own parameters has no effect
	shown     shownCertificate
	notShown  problem // why it has none
	addresses Assignment
	services  int        // of its fleet, if it has one
	listeners []listener // in the order of the object
	allowed   allowed    // ListenerSets
	insecure  bool       // clients of a port may have any certificate, whether there is a listener or not
	report    report.Report
}

// place is a Gateway and the fleet that serves it.
type place struct {
	fleet   ir.Fleet
	gateway kobj.Name
}

// dedicated reports whether the fleet serves only this Gateway.
func (g *gateway) dedicated() bool { return g.place.dedicated() }

func (p place) dedicated() bool { return p.fleet != ir.DefaultFleet }

// keepLastGateway returns the last verdict on a Gateway of which the derivation panics.
func keepLastGateway(n kobj.Name, last *gateway, _ bool, reason string) *gateway {
	out := gateway{place: place{ir.DefaultFleet, n}, problem: problem{report.InternalError, "The controller could not process the object (" + reason + ")."}}
	if last != nil {
		out = *last
	}
	out.report = faulty(kobj.Key{Kind: kobj.Gateway, Name: n}, out.report, faultMessage(reason))
	return &out
}

// maxListeners bounds the listeners of a Gateway: the API server allows 64.
const maxListeners = 64

// deriveGateway returns the verdict on a Gateway; nil if it does not exist or is not of a class that is served.
func (x *Compiler) deriveGateway(r *memo.Reader, n kobj.Name) *gateway {
	g, ok := x.env.Store.Gateways.Get(r, n)
	if !ok || !x.serves(r, g) {
		return nil
	}
	at := x.placeOf(r, n)
	b := gatewayBuilder{x.listenersOf(r, kobj.Key{Kind: kobj.Gateway, Name: n}, n), g}
	b.report.Visit(b.key)
	out := &gateway{place: at, created: g.CreationTimestamp.UTC(), problem: b.specProblem()}
	parameters := x.gatewayParameters(r, g)
	if !out.problem.is() {
		out.problem = parameters.problem
	}
	out.unused = parameters.unused
	var valid bool
	if out.allowed, valid = allowedListeners(g); !valid {
		b.warn(problem{report.UnsupportedValue, "The selector of allowedListeners.namespaces is not valid, and selects no ListenerSets."}, "spec.allowedListeners.namespaces.selector")
	}
	if out.dedicated() {
		out.addresses, out.services = x.published(r, g)
	} else {
		out.addresses, _ = x.assigned.Get(r, n)
	}
	for i := range g.Spec.Listeners[:min(len(g.Spec.Listeners), maxListeners)] {
		out.listeners = append(out.listeners, b.listener(&g.Spec.Listeners[i]))
	}
	out.shown, out.notShown = b.shownCertificate()
	out.insecure = slices.ContainsFunc(frontends(g), func(v *gatewayv1.FrontendTLSValidation) bool { return v.Mode == gatewayv1.AllowInsecureFallback })
	findConflicts(out.listeners)
	if !out.problem.is() && !slices.ContainsFunc(out.listeners, listener.accepted) {
		out.problem = problem{report.ListenersNotValid, "No listener is valid."}
	}
	b.reportProblems(out)
	out.report = b.report.Finish(report.TypeAccepted)
	return out
}

type gatewayBuilder struct {
	listenerBuilder
	object *gatewayv1.Gateway
}

// specProblem returns what is wrong with the Gateway apart from its listeners.
func (b *gatewayBuilder) specProblem() problem {
	spec := &b.object.Spec
	if i := unsupportedAddress(b.object); i >= 0 {
		return problem{report.UnsupportedAddress, fmt.Sprintf("The type of spec.addresses[%d], %s, is not supported; use IPAddress.", i, report.Quote(string(*spec.Addresses[i].Type)))}
	}
	if n := len(spec.Listeners); n > maxListeners {
		return problem{report.InvalidParameters, fmt.Sprintf("The Gateway has %d listeners, more than %d.", n, maxListeners)}
	}
	return problem{}
}

// reportProblems adds the diagnostics about problems.
func (b *gatewayBuilder) reportProblems(g *gateway) {
	b.add(report.TypeAccepted, g.problem, "spec")
	b.add(report.TypeResolvedRefs, g.notShown, "spec.tls.backend.clientCertificateRef")
	for _, value := range g.addresses.Unusable {
		b.add(report.TypeProgrammed, g.notUsable(value), "spec.addresses")
	}
	if !g.problem.is() && g.addresses.none() && len(g.addresses.Unusable) == 0 {
		b.add(report.TypeProgrammed, g.noAddress(), "spec.addresses")
	}
	b.reportListeners(g.listeners)
}

func (g *gateway) notUsable(value string) problem {
	if g.dedicated() {
		return problem{report.AddressNotUsable, fmt.Sprintf("No load balancer has assigned the address %s.", report.Quote(value))}
	}
	return problem{report.AddressNotUsable, fmt.Sprintf("Address %s is outside of the configured ranges, or is used by another Gateway, or the namespace has as many addresses as it may.", report.Quote(value))}
}

func (g *gateway) noAddress() problem {
	if g.dedicated() {
		return problem{report.AddressNotAssigned, "The Service of the Gateway has no address."}
	}
	return problem{report.AddressNotAssigned, "No address is free: the configuration has no ranges of addresses for Gateways, all of them are used, or the namespace has as many as it may."}
}

// GatewayRoot returns the listeners of a Gateway, one for each port, two where HTTPS and TLS share it, and a host without routes for each
// hostname of its listeners for HTTP: requests for it reach no listener with a broader hostname.
func (x *Compiler) GatewayRoot(r *memo.Reader, n kobj.Name) contrib.Root {
	g := x.gateways.Get(r, n)
	if g == nil {
		return contrib.Root{}
	}
	root := contrib.Root{Report: g.report, Created: g.created}
	switch {
	case g.problem.is() || g.addresses.none() && !g.dedicated():
		return root
	case g.dedicated():
		root.Listeners, root.Addresses = append(root.Listeners, x.statsListener(r, g.place.fleet)), g.services
	}
	c := x.contributor(r, kobj.Key{Kind: kobj.Gateway, Name: n}, g.place, g.created)
	if !g.allowed.any() {
		c.https = g.hasHTTPS
	}
	for i := range g.listeners {
		c.add(&root, &g.listeners[i])
	}
	return root
}

// listenerKey returns the key of the listener for a port of a Gateway. Of the parts of its name, only that of the Gateway has dots,
// and none has underscores.
func listenerKey(of place, port gatewayv1.PortNumber) ir.ListenerKey {
	return ir.ListenerKey{Fleet: of.fleet, Name: fmt.Sprintf("%s_%s_%d", of.gateway.Namespace, of.gateway.Name, port)}
}

// listenerOf returns the listener for the port and protocol of l, which an object defines.
func (x *Compiler) listenerOf(r *memo.Reader, object kobj.Key, at place, l *listener) ir.Listener {
	s := x.env.Store.Settings
	c := config.Config{
		Listeners: s.Listeners.Get(r), HTTP: s.HTTP.Get(r), Timeouts: s.Timeouts.Get(r), AccessLog: s.AccessLog.Get(r),
	}
	out := ir.Listener{
		Key: l.key(at), Socket: l.socket(at).Name, Port: uint32(l.port), Protocol: l.protocol, ByChain: l.byChain(), RouteTableHosts: s.RouteTables.Get(r).Hosts,
		Addresses: x.bound(r, at), Connections: c.Listeners.Connections, Client: classic.Client(c, c.AccessLog.HTTP),
		Origins: kobj.Sort([]kobj.Key{{Kind: kobj.Gateway, Name: at.gateway}, object}),
	}
	if l.secure {
		out.TLS, out.Client = s.TLS.Get(r), classic.Client(c, c.AccessLog.HTTPS)
	}
	return out
}

// wildcard returns the address of all interfaces, of the family of host. A pod of a Gateway does not have the address on which the Envoys of
// the installation listen.
func wildcard(host string) string {
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() && !a.Is4In6() {
		return netip.IPv6Unspecified().String()
	}
	return netip.IPv4Unspecified().String()
}

// bound returns the addresses on which the Envoys of a Gateway listen; none if it has none.
func (x *Compiler) bound(r *memo.Reader, at place) []string {
	if at.dedicated() {
		return []string{wildcard(x.env.Store.Settings.Listeners.Get(r).HTTP.Host)}
	}
	var out []string
	addresses, _ := x.assigned.Get(r, at.gateway)
	for _, a := range addresses.Usable {
		out = append(out, a.String())
	}
	return out
}
