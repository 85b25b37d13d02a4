package gatewayapi

import (
	"fmt"
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
	listeners []listener // in the order of the object
	report    report.Report
}

// place is a Gateway and the fleet that serves it.
type place struct {
	fleet   ir.Fleet
	gateway kobj.Name
}

// dedicated reports whether the fleet serves only this Gateway.
func (g *gateway) dedicated() bool { return g.place.fleet != ir.DefaultFleet }

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
	b := gatewayBuilder{reader: r, dedicated: at.fleet != ir.DefaultFleet, env: x.env, object: g, key: kobj.Key{Kind: kobj.Gateway, Name: n}}
	b.report.Visit(b.key)
	out := &gateway{place: at, created: g.CreationTimestamp.UTC(), problem: b.specProblem()}
	parameters := x.gatewayParameters(r, g)
	if !out.problem.is() {
		out.problem = parameters.problem
	}
	out.unused = parameters.unused
	if out.dedicated() {
		out.addresses = x.published(r, g)
	} else {
		out.addresses, _ = x.assigned.Get(r, n)
	}
	for i := range g.Spec.Listeners[:min(len(g.Spec.Listeners), maxListeners)] {
		out.listeners = append(out.listeners, b.listener(i))
	}
	out.shown, out.notShown = b.shownCertificate()
	findConflicts(out.listeners)
	if !out.problem.is() && !slices.ContainsFunc(out.listeners, listener.accepted) {
		out.problem = problem{report.ListenersNotValid, "No listener is valid."}
	}
	b.reportProblems(out)
	out.report = b.report.Finish(report.TypeAccepted)
	return out
}

type gatewayBuilder struct {
	reader    *memo.Reader
	env       Env
	object    *gatewayv1.Gateway
	key       kobj.Key
	dedicated bool // the Gateway has a fleet of its own
	report    report.Collector
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
	for i := range g.listeners {
		l, field := &g.listeners[i], fmt.Sprintf("spec.listeners[%d]", i)
		b.add(report.TypeAccepted, l.problem, field)
		b.add(report.TypeConflicted, l.conflict, field)
		b.add(report.TypeResolvedRefs, l.unresolved, field)
	}
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

func (b *gatewayBuilder) add(t report.Type, p problem, field string) {
	if p.is() && b.report.Wants(b.key, report.Error) {
		b.report.Collect(report.Diagnostic{Object: b.key, Type: t, Reason: p.Reason, Field: field, Message: p.Message})
	}
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
		root.Listeners = append(root.Listeners, x.statsListener(r, g.place.fleet))
	}
	key := kobj.Key{Kind: kobj.Gateway, Name: n}
	ports := map[ir.ListenerKey]bool{}
	for i := range g.listeners {
		l := &g.listeners[i]
		if !l.accepted() {
			continue
		}
		if !ports[l.key(g.place)] {
			ports[l.key(g.place)] = true
			root.Listeners = append(root.Listeners, x.listenerOf(r, g, key, l))
		}
		if l.byChain() {
			root.Chains = append(root.Chains, ir.Chain{
				Key: ir.ChainKey{Listener: l.key(g.place), ServerName: l.host()}, Certificates: l.certificates, Clients: l.clients,
				Passthrough: l.passthrough, Origins: []kobj.Key{key},
			})
		}
		if of := g.requestsFor(l); of != (ir.ListenerKey{}) {
			root.Contributions = append(root.Contributions, contrib.Contribution{
				Key: ir.HostKey{Listener: of, Hostname: l.host()}, Object: key, Created: g.created, ByAge: true, Chain: l.chain(), Validation: l.validation,
			})
		}
	}
	return root
}

// requestsFor returns the listener on which there is a host for the requests with the hostname of l: of a listener for TLS, that for HTTPS
// of the same port, whose connections are those of other hostnames. It is zero if there is none.
func (g *gateway) requestsFor(l *listener) ir.ListenerKey {
	https := func(o listener) bool { return o.accepted() && o.protocol == ir.ListenHTTPS && o.port == l.port }
	switch {
	case !forwards(l.protocol):
		return l.key(g.place)
	case l.protocol == ir.ListenTLS && slices.ContainsFunc(g.listeners, https):
		return keyOf(g.place, l.port, ir.ListenHTTPS)
	}
	return ir.ListenerKey{}
}

// listenerKey returns the key of the listener for a port of a Gateway. Of the parts of its name, only that of the Gateway has dots,
// and none has underscores.
func listenerKey(of place, port gatewayv1.PortNumber) ir.ListenerKey {
	return ir.ListenerKey{Fleet: of.fleet, Name: fmt.Sprintf("%s_%s_%d", of.gateway.Namespace, of.gateway.Name, port)}
}

// listenerOf returns the listener for the port and protocol of l, without chains.
func (x *Compiler) listenerOf(r *memo.Reader, g *gateway, key kobj.Key, l *listener) ir.Listener {
	s := x.env.Store.Settings
	c := config.Config{
		Listeners: s.Listeners.Get(r), HTTP: s.HTTP.Get(r), Timeouts: s.Timeouts.Get(r), AccessLog: s.AccessLog.Get(r),
	}
	out := ir.Listener{
		Key: l.key(g.place), Socket: l.socket(g.place).Name, Port: uint32(l.port), Protocol: l.protocol, ByChain: l.byChain(), RouteTableHosts: s.RouteTables.Get(r).Hosts,
		Connections: c.Listeners.Connections, Client: classic.Client(c, c.AccessLog.HTTP), Origins: []kobj.Key{key},
	}
	if l.secure {
		out.TLS, out.Client = s.TLS.Get(r), classic.Client(c, c.AccessLog.HTTPS)
	}
	if g.dedicated() {
		out.Addresses = []string{c.Listeners.HTTP.Host}
		return out
	}
	for _, a := range g.addresses.Usable {
		out.Addresses = append(out.Addresses, a.String())
	}
	return out
}
