package envoybootstrap

import (
	"fmt"
	"time"
)

const (
	// PingInterval is the shortest interval at which Envoy sends an HTTP/2 ping to the controller. The
	// controller's gRPC server has to permit it (keepalive.EnforcementPolicy.MinTime):
	// by default it closes connections that ping more than every five minutes.
	PingInterval = 10 * time.Second

	pingTimeout = 5 * time.Second
)

// contourCluster is the controller. A connection that was lost silently (a node failure,
// a partition) is detected by HTTP/2 pings within about 15 s, and by TCP keep-alive
// before HTTP/2 is established.
func contourCluster(c Config, server xdsServer, family string) object {
	cluster := object{
		"name":             ContourCluster,
		"alt_stat_name":    c.Namespace + "_" + server.statName(),
		"connect_timeout":  "5s",
		"circuit_breakers": circuitBreakers(),
		"load_assignment":  loadAssignment(ContourCluster, server.address()),
		"upstream_connection_options": object{
			"tcp_keepalive": object{"keepalive_probes": 3, "keepalive_time": 30, "keepalive_interval": 5},
		},
		"typed_extension_protocol_options": http2(),
	}
	if server.isName() {
		cluster["cluster_type"] = strictDNS(family)
	} else {
		cluster["type"] = "STATIC"
	}
	if c.TLS.enabled() {
		cluster["transport_socket"] = transportSocket(c)
	}
	return cluster
}

// strictDNS uses every address of the name. A name that does not exist yet (Envoy
// starts before the controller's Service exists) is resolved again soon.
func strictDNS(family string) object {
	return object{
		"name": "envoy.clusters.dns",
		"typed_config": typed("envoy.extensions.clusters.dns.v3.DnsCluster", object{
			"dns_lookup_family":        family,
			"dns_failure_refresh_rate": object{"base_interval": "0.500s", "max_interval": "2s"},
		}),
	}
}

// adminCluster's statistics have the port that the admin endpoint had when it
// was a TCP port: dashboards use that name for the cluster.
func adminCluster(c Config) object {
	return object{
		"name":             AdminCluster,
		"alt_stat_name":    fmt.Sprintf("%s_%s_9001", c.Namespace, AdminCluster),
		"type":             "STATIC",
		"connect_timeout":  "0.250s",
		"circuit_breakers": adminBreakers(),
		"load_assignment":  loadAssignment(AdminCluster, pipe(c.AdminSocket)),
	}
}

// adminBreakers bound the requests that the stats listener forwards at a time: statistics, which take long and have the
// default priority, and readiness, which has the high one. The thread that answers them handles the configuration, too.
func adminBreakers() object {
	threshold := func(priority string, connections, pending int) object {
		return object{"priority": priority, "max_connections": connections, "max_pending_requests": pending}
	}
	return object{"thresholds": list{threshold("DEFAULT", 4, 64), threshold("HIGH", 16, 256)}}
}

func loadAssignment(cluster string, address object) object {
	return object{
		"cluster_name": cluster,
		"endpoints": list{object{
			"lb_endpoints": list{object{"endpoint": object{"address": address}}},
		}},
	}
}

// circuitBreakers never limit the connection between Envoy and the controller.
func circuitBreakers() object {
	threshold := func(priority string) object {
		return object{
			"priority":             priority,
			"max_connections":      100_000,
			"max_pending_requests": 100_000,
			"max_requests":         60_000_000,
			"max_retries":          50,
		}
	}
	return object{"thresholds": list{threshold("DEFAULT"), threshold("HIGH")}}
}

// http2 sends pings often enough to detect a dead peer soon.
func http2() object {
	const options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	return object{
		options: typed(options, object{
			"explicit_http_config": object{
				"http2_protocol_options": object{
					"connection_keepalive": object{
						"interval": seconds(PingInterval),
						"timeout":  seconds(pingTimeout),
					},
				},
			},
		}),
	}
}

// seconds is a google.protobuf.Duration in JSON.
func seconds(d time.Duration) string { return fmt.Sprintf("%gs", d.Seconds()) }
