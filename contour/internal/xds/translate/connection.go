package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// setConnections sets the connection options of the listener.
func setConnections(l *listenerv3.Listener, c ir.ConnectionSettings) {
	l.PerConnectionBufferLimitBytes = number(c.BufferLimitBytes)
	l.MaxConnectionsToAcceptPerSocketEvent = number(c.AcceptPerSocketEvent)
	l.SocketOptions = socketOptions(c)
	if c.ExactBalance {
		l.ConnectionBalanceConfig = &listenerv3.Listener_ConnectionBalanceConfig{
			BalanceType: &listenerv3.Listener_ConnectionBalanceConfig_ExactBalance_{
				ExactBalance: &listenerv3.Listener_ConnectionBalanceConfig_ExactBalance{},
			},
		}
	}
}

// The levels and names of socket options on Linux.
const (
	levelIP, typeOfService  = 0, 1
	levelIPv6, trafficClass = 41, 67
)

// socketOptions returns the options that mark packets to clients.
func socketOptions(c ir.ConnectionSettings) []*corev3.SocketOption {
	var options []*corev3.SocketOption
	add := func(description string, level, name int64, value int32) {
		if value != 0 {
			options = append(options, &corev3.SocketOption{
				Description: description, Level: level, Name: name, State: corev3.SocketOption_STATE_LISTENING,
				Value: &corev3.SocketOption_IntValue{IntValue: int64(value)},
			})
		}
	}
	add("type of service", levelIP, typeOfService, c.TypeOfService)
	add("traffic class", levelIPv6, trafficClass, c.TrafficClass)
	return options
}

// tlsInspector reads the server name of a TLS connection, and the fingerprints of the client if they are enabled.
func tlsInspector(c ir.ConnectionSettings) *tlsinspectorv3.TlsInspector {
	i := &tlsinspectorv3.TlsInspector{}
	if c.JA3 {
		i.EnableJa3Fingerprinting = wrapperspb.Bool(true)
	}
	if c.JA4 {
		i.EnableJa4Fingerprinting = wrapperspb.Bool(true)
	}
	return i
}
