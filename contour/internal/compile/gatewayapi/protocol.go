package gatewayapi

import (
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// supportedProtocols is the protocols of listeners, as messages list them.
const supportedProtocols = "HTTP, HTTPS, TLS, TCP or UDP"

// protocolOf returns the protocol of a listener; false if it is not supported.
func protocolOf(p gatewayv1.ProtocolType) (ir.ListenerProtocol, bool) {
	switch p {
	case gatewayv1.HTTPProtocolType:
		return ir.ListenHTTP, true
	case gatewayv1.HTTPSProtocolType:
		return ir.ListenHTTPS, true
	case gatewayv1.TLSProtocolType:
		return ir.ListenTLS, true
	case gatewayv1.TCPProtocolType:
		return ir.ListenTCP, true
	case gatewayv1.UDPProtocolType:
		return ir.ListenUDP, true
	default:
		return 0, false
	}
}

// forwards reports whether a listener of the protocol forwards bytes as they are, and has no requests.
func forwards(p ir.ListenerProtocol) bool { return p != ir.ListenHTTP && p != ir.ListenHTTPS }

// byChain reports whether the connections of the listener are those of a chain.
func (l *listener) byChain() bool { return l.protocol != ir.ListenHTTP && l.protocol != ir.ListenUDP }

// hasHostname reports whether the hostname of the listener has a meaning.
func (l *listener) hasHostname() bool { return l.secure || l.protocol == ir.ListenHTTP }

// routeKinds returns the kinds of routes that can be attached to the listener. The API lets a TCPRoute forward what a TLS listener has
// decrypted.
func (l *listener) routeKinds() []kobj.Kind {
	switch {
	case l.protocol == ir.ListenTCP:
		return []kobj.Kind{kobj.TCPRoute}
	case l.protocol == ir.ListenUDP:
		return []kobj.Kind{kobj.UDPRoute}
	case l.passthrough:
		return []kobj.Kind{kobj.TLSRoute}
	case l.protocol == ir.ListenTLS:
		return []kobj.Kind{kobj.TLSRoute, kobj.TCPRoute}
	}
	return []kobj.Kind{kobj.HTTPRoute, kobj.GRPCRoute}
}

// protocolClass is the protocols of listeners that can share a port.
type protocolClass uint8

const (
	plainHTTP protocolClass = iota
	byServerName
	anyBytes
	datagrams
)

func protocolClasses() [4]protocolClass {
	return [...]protocolClass{plainHTTP, byServerName, anyBytes, datagrams}
}

func (l *listener) class() protocolClass {
	switch {
	case l.secure:
		return byServerName
	case l.protocol == ir.ListenTCP:
		return anyBytes
	case l.protocol == ir.ListenUDP:
		return datagrams
	}
	return plainHTTP
}

// others returns the classes with which this one cannot share a port.
func (c protocolClass) others() []protocolClass {
	switch c {
	case plainHTTP:
		return []protocolClass{byServerName, anyBytes}
	case byServerName:
		return []protocolClass{plainHTTP, anyBytes}
	case anyBytes:
		return []protocolClass{plainHTTP, byServerName}
	case datagrams: // ports of UDP are others
	}
	return nil
}

// key returns the key of the listener of the port and protocol of l. Listeners for HTTPS and TLS of one port have keys of their own, and
// share a socket; those for UDP have sockets of their own.
func (l *listener) key(of place) ir.ListenerKey { return keyOf(of, l.port, l.protocol) }

func keyOf(of place, port gatewayv1.PortNumber, p ir.ListenerProtocol) ir.ListenerKey {
	k := listenerKey(of, port)
	switch p {
	case ir.ListenTLS:
		k.Name += "-tls"
	case ir.ListenUDP:
		k.Name += "-udp"
	case ir.ListenHTTP, ir.ListenHTTPS, ir.ListenTCP:
	}
	return k
}

// socket returns the name of the socket of the listener.
func (l *listener) socket(of place) ir.ListenerKey {
	if l.protocol == ir.ListenUDP {
		return l.key(of)
	}
	return listenerKey(of, l.port)
}
