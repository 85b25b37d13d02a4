package envoybootstrap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// object and list are JSON; encoding/json writes the keys of an object sorted.
type (
	object = map[string]any
	list   = []any
)

// adminSocketMode lets other containers of the pod, under other users, reach the socket that they mount.
const adminSocketMode = 0o644

// bootstrap is the envoy.config.bootstrap.v3.Bootstrap. Envoy reads the id and cluster
// of its node from its command line. The error is Validate's.
func bootstrap(c Config) (object, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	server, err := parseXDSServer(c)
	if err != nil {
		return nil, err
	}
	family, err := lookupFamily(c.DNSLookupFamily)
	if err != nil {
		return nil, err
	}
	b := object{
		"admin":                 admin(c),
		"default_regex_engine":  regexEngine(),
		"deferred_stat_options": deferredStats(),
		"dynamic_resources":     dynamicResources(),
		"layered_runtime":       object{"layers": runtimeLayers()},
		"static_resources":      object{"clusters": list{contourCluster(c, server, family), adminCluster(c)}},
	}
	if c.Fleet != "" {
		b["node"] = object{"metadata": object{"fleet": c.Fleet}}
	}
	if stats := statsConfig(c.Stats); stats != nil {
		b["stats_config"] = stats
	}
	if monitors := resourceMonitors(c); len(monitors) > 0 {
		b["overload_manager"] = overloadManager(c, monitors)
	}
	return b, nil
}

// admin ignores the connection limit: it is needed most when the limit is reached.
func admin(c Config) object {
	address := pipe(c.AdminSocket)
	address["pipe"].(object)["mode"] = adminSocketMode
	return object{
		"address":                  address,
		"ignore_global_conn_limit": true,
		"access_log": list{object{
			"name": "envoy.access_loggers.file",
			"typed_config": typed("envoy.extensions.access_loggers.file.v3.FileAccessLog", object{
				"path": "/dev/null",
			}),
		}},
	}
}

// deferredStats creates the statistics of a cluster when it is first used. A cluster
// without traffic then costs about 21 KiB less, and no figure of one that has traffic is lost.
func deferredStats() object {
	return object{"enable_deferred_creation_stats": true}
}

func regexEngine() object {
	return object{
		"name":         "envoy.regex_engines.google_re2",
		"typed_config": typed("envoy.extensions.regex_engines.v3.GoogleRE2", object{}),
	}
}

// dynamicResources puts every xDS type on one delta stream, so that the controller decides the order of all changes.
func dynamicResources() object {
	onADS := object{"ads": object{}, "resource_api_version": "V3"}
	return object{
		"ads_config": object{
			"api_type":                       "DELTA_GRPC",
			"transport_api_version":          "V3",
			"set_node_on_first_message_only": true,
			"grpc_services": list{object{
				"envoy_grpc": object{
					"cluster_name": ContourCluster,
					"retry_policy": object{"retry_back_off": reconnectBackOff()},
				},
			}},
		},
		"cds_config": onADS,
		"lds_config": onADS,
	}
}

// reconnectBackOff bounds how long an Envoy waits before it reconnects to a controller that
// is available again. Envoy draws each wait at random between 0 and the current bound, which distributes a
// fleet; its own default grows to 30 s.
func reconnectBackOff() object {
	return object{"base_interval": "0.200s", "max_interval": "1s"}
}

// runtimeLayers are the runtime values, later ones win. The controller serves the one in the middle, so that its settings apply
// while Envoy runs; one that does not know it must not keep Envoy from starting. The program sizes are those of RE2
// programs: the largest that is accepted, and the one from which Envoy counts a warning.
func runtimeLayers() list {
	return list{
		object{"name": "base", "static_layer": object{
			"re2.max_program_size.error_level": 1 << 20,
			"re2.max_program_size.warn_level":  1000,
		}},
		object{"name": "dynamic", "rtds_layer": object{
			"name":        "dynamic",
			"rtds_config": object{"ads": object{}, "resource_api_version": "V3", "initial_fetch_timeout": "3s"},
		}},
		object{"name": "admin", "admin_layer": object{}},
	}
}

func resourceMonitors(c Config) list {
	var monitors list
	if c.MaxHeapBytes > 0 {
		monitors = append(monitors, object{
			"name": fixedHeap,
			"typed_config": typed("envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig", object{
				"max_heap_size_bytes": strconv.FormatUint(c.MaxHeapBytes, 10),
			}),
		})
	}
	if c.MaxDownstreamConnections > 0 {
		monitors = append(monitors, object{
			"name": "envoy.resource_monitors.global_downstream_max_connections",
			"typed_config": typed("envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig", object{
				"max_active_downstream_connections": strconv.FormatInt(c.MaxDownstreamConnections, 10),
			}),
		})
	}
	return monitors
}

const fixedHeap = "envoy.resource_monitors.fixed_heap"

func overloadManager(c Config, monitors list) object {
	m := object{"refresh_interval": "0.250s", "resource_monitors": monitors}
	if c.MaxHeapBytes > 0 {
		m["actions"] = list{
			heapAction("envoy.overload_actions.shrink_heap", 0.95),
			heapAction("envoy.overload_actions.stop_accepting_requests", 0.98),
		}
	}
	return m
}

// heapAction is active while the heap exceeds that fraction of its limit.
func heapAction(name string, part float64) object {
	return object{
		"name": name,
		"triggers": list{object{
			"name":      fixedHeap,
			"threshold": object{"value": part},
		}},
	}
}

// typed is a google.protobuf.Any in JSON.
func typed(message string, fields object) object {
	fields["@type"] = "type.googleapis.com/" + message
	return fields
}

func encode(document object) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(document); err != nil {
		return nil, fmt.Errorf("encode JSON: %w", err)
	}
	return out.Bytes(), nil
}
