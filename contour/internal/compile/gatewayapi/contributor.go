package gatewayapi

import (
	"slices"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// contributor makes what listeners of an object contribute.
type contributor struct {
	compiler *Compiler
	reader   *memo.Reader
	object   kobj.Key
	at       place
	created  time.Time
	ports    map[ir.ListenerKey]bool
	// https reports whether a port has an HTTPS listener, if the Gateway has no ListenerSets; nil: others can have one.
	https func(gatewayv1.PortNumber) bool
}

func (x *Compiler) contributor(r *memo.Reader, object kobj.Key, at place, created time.Time) contributor {
	return contributor{compiler: x, reader: r, object: object, at: at, created: created, ports: map[ir.ListenerKey]bool{}}
}

// add adds what a listener contributes, if it is accepted: the listener of its port, its chain, and a host without routes for its hostname.
func (c *contributor) add(root *contrib.Root, l *listener) {
	if !l.accepted() {
		return
	}
	key := l.key(c.at)
	if !c.ports[key] {
		c.ports[key] = true
		root.Listeners = append(root.Listeners, c.compiler.listenerOf(c.reader, c.object, c.at, l))
	}
	if l.byChain() {
		root.Chains = append(root.Chains, ir.Chain{
			Key: ir.ChainKey{Listener: key, ServerName: l.host()}, Certificates: l.certificates, Clients: l.clients,
			Passthrough: l.passthrough, Origins: []kobj.Key{c.object},
		})
	}
	if of := c.requestsFor(l); of != (ir.ListenerKey{}) {
		root.Contributions = append(root.Contributions, contrib.Contribution{
			Key: ir.HostKey{Listener: of, Hostname: l.host()}, Object: c.object, Created: c.created, Sharing: c.sharing(of, l), ByAge: true, Chain: l.chain(),
			Validation: l.validation,
		})
	}
}

// sharing returns whether a listener, whose requests or connections those of the key are, lets namespaces share its hostname.
func (c *contributor) sharing(of ir.ListenerKey, l *listener) contrib.Sharing {
	switch {
	case of != l.key(c.at) || !l.sharesHost():
		return contrib.NotShared
	case c.object.Namespace == c.at.gateway.Namespace:
		return contrib.Shared
	}
	return contrib.SharedByOwner
}

// requestsFor returns the listener on which there is a host for the requests with the hostname of l: of a listener for TLS, that for HTTPS
// of the same port, whose connections are those of other hostnames. It is zero if there is none.
func (c *contributor) requestsFor(l *listener) ir.ListenerKey {
	switch {
	case !forwards(l.protocol):
		return l.key(c.at)
	case l.protocol == ir.ListenTLS && c.hasHTTPS(l.port):
		return keyOf(c.at, l.port, ir.ListenHTTPS)
	}
	return ir.ListenerKey{}
}

// hasHTTPS reports whether a port of the Gateway has an HTTPS listener, of the Gateway or of a ListenerSet.
func (c *contributor) hasHTTPS(port gatewayv1.PortNumber) bool {
	if c.https != nil {
		return c.https(port)
	}
	_, ok := c.compiler.secured.Get(c.reader, gatewayPort{c.at.gateway, port})
	return ok
}

// hasHTTPS reports whether a port has an HTTPS listener of the Gateway.
func (g *gateway) hasHTTPS(port gatewayv1.PortNumber) bool {
	return slices.ContainsFunc(g.listeners, func(o listener) bool { return o.accepted() && o.protocol == ir.ListenHTTPS && o.port == port })
}
