// Package classic contains the listeners of the default fleet: the HTTP and HTTPS listeners for
// Ingress and HTTPProxy, and the listeners for the readiness and statistics of Envoy.
//
// The input is the configuration, the output a Root, as for an API object. Only their names distinguish these listeners
// from the listeners of other APIs.
package classic

import (
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// HTTP returns the key of the listener for requests without TLS.
func HTTP() ir.ListenerKey { return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"} }

// HTTPS returns the key of the listener for TLS connections.
func HTTPS() ir.ListenerKey { return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_https"} }

// Stats returns the key of the listener for the readiness and the statistics of Envoy.
func Stats() ir.ListenerKey { return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "stats-health"} }

// Health returns the key of the listener for the readiness of Envoy, if the listener for statistics does not serve it.
func Health() ir.ListenerKey { return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "health"} }

// OverloadHealth returns the key of the listener for a readiness of Envoy that fails under overload, with the name that Contour gives it.
func OverloadHealth() ir.ListenerKey {
	return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "health-om-enforced"}
}

// Inspect returns the key of the listener for the pages of Envoy's administration that only read, with the name that Contour gives it.
func Inspect() ir.ListenerKey { return ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "envoy-admin"} }

// Root returns the listeners of the configuration. It uses the groups Listeners, HTTP, Timeouts, TLS, AccessLog,
// RouteTables and XDS.
func Root(c config.Config) contrib.Root {
	http := listener(HTTP(), c.Listeners.HTTP)
	http.Connections, http.Client = c.Listeners.Connections, Client(c, c.AccessLog.HTTP)
	http.RouteTableHosts = c.RouteTables.Hosts

	https := listener(HTTPS(), c.Listeners.HTTPS)
	https.Protocol = ir.ListenHTTPS
	https.TLS = c.TLS
	https.CertificatesOnDemand = c.XDS.CertificatesOnDemand
	https.Connections, https.Client = c.Listeners.Connections, Client(c, c.AccessLog.HTTPS)

	stats := listener(Stats(), c.Listeners.Stats)
	stats.Admin, stats.TLSFiles = true, c.Listeners.StatsTLS
	all := []ir.Listener{http, https, stats}
	if c.Listeners.Health != (config.Address{}) {
		health := listener(Health(), c.Listeners.Health)
		health.Admin, health.ReadyOnly = true, true
		all = append(all, health)
	}
	if c.Listeners.Inspect != (config.Address{}) {
		pages := listener(Inspect(), c.Listeners.Inspect)
		pages.Admin, pages.Inspect = true, true
		all = append(all, pages)
	}
	if c.Listeners.OverloadHealth != (config.Address{}) {
		health := listener(OverloadHealth(), c.Listeners.OverloadHealth)
		health.Admin, health.ReadyOnly, health.EnforceOverload = true, true, true
		all = append(all, health)
	}
	return contrib.Root{Listeners: all}
}

func listener(k ir.ListenerKey, at config.Address) ir.Listener {
	return ir.Listener{Key: k, Socket: k.Name, Addresses: []string{at.Host}, Port: at.Port}
}

// Client returns the settings of the clients of a listener with that access log; it uses the groups Listeners, HTTP, Timeouts and
// AccessLog.
func Client(c config.Config, log string) ir.ClientSettings {
	if c.AccessLog.Disabled {
		log = ""
	}
	return ir.ClientSettings{
		ProxyProtocol: c.Listeners.UseProxyProtocol, AccessLog: ir.AccessLog{Path: log, LogFormat: c.AccessLog.LogFormat},
		HTTP: c.HTTP, Timeouts: c.Timeouts,
	}
}
