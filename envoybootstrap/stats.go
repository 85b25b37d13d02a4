package envoybootstrap

import (
	"fmt"
	"strings"
)

// The values of Config.Stats. Statistics of listeners, of downstream requests and of Envoy itself are in all
// of them; they differ in the statistics of each cluster and of each TLS host.
const (
	// StatsDefault keeps the statistics of a cluster that dashboards and alerts use: requests by code, their
	// time, retries, connections, bytes, members, circuit breakers, TLS, health checks.
	StatsDefault = "default"
	// StatsAll keeps all statistics of Envoy.
	StatsAll = "all"
	// StatsMinimal keeps no statistics of single clusters.
	StatsMinimal = "minimal"
)

// statsConfig is the envoy.config.metrics.v3.StatsConfig; nil keeps all. It lists what is dropped, not what
// is kept: new statistics of a later Envoy are kept until they are listed.
func statsConfig(stats string) object {
	var patterns list
	switch stats {
	case StatsAll:
		return nil
	case StatsMinimal:
		patterns = append(perHost(), object{"safe_regex": object{"regex": `cluster\..*`}})
	default:
		patterns = append(perHost(), object{"safe_regex": object{"regex": ofClusters(seldomRead()...)}})
	}
	return object{"stats_matcher": object{"exclusion_list": object{"patterns": patterns}}}
}

// perHost matches the subscriptions of each TLS host to its routes and its certificate: names with a slash
// (secrets) or a dot (hosts). The controller exports their state, by resource.
func perHost() list {
	return list{
		object{"safe_regex": object{"regex": `sds\.(.*/.*|[^.]+\.[^.]+\..*)`}},
		object{"safe_regex": object{"regex": `http\.[^.]+\.rds\.https/.*`}},
	}
}

// ofClusters matches those statistics of every cluster. The statistics' name of a cluster has no dot.
func ofClusters(figures ...string) string {
	return fmt.Sprintf(`cluster\.[^.]+\.(%s)`, strings.Join(figures, "|"))
}

// seldomRead is regular expressions for the statistics of a cluster that cost memory and are rarely used.
func seldomRead() []string {
	return []string{
		// contained in upstream_rq_*, by the location of the client
		`(external|internal)\..*`,
		// the subscription to the endpoints
		`(assignment|update)_.*`, `version(_text)?`, `init_fetch_timeout`, `warming_state`,
		// features that no cluster of the controller uses
		`circuit_breakers\.high\..*`, `default\..*`, `lb_(local|recalculate|subsets|zone)_.*`, `max_host_weight`,
		`original_dst_host_invalid`, `retry_or_shadow_abandoned`, `upstream_internal_redirect_.*`, `upstream_(cx_connect_with_0_rtt|rq_0rtt)`,
		`upstream_(http3_broken|cx_http3_total|cx_preconnect_skipped|rq_maintenance_mode|rq_retry_backoff_.*)`,
		// internals
		`http[123]\..*`, `upstream_flow_control_.*`, `upstream_queue_overloaded`, `upstream_cx_(rx|tx)_bytes_buffered`,
		`upstream_cx_(close_notify|connect_attempts_exceeded|connect_ms|length_ms|max_duration_reached)`,
		`upstream_rq_(max_duration_reached|pending_failure_eject|per_cx|rx_reset_no_error)`,
	}
}

// stats returns an error for an unknown value of Config.Stats.
func (c Config) stats() error {
	switch c.Stats {
	case StatsDefault, StatsAll, StatsMinimal:
		return nil
	}
	return fmt.Errorf("statistics %q: want %s, %s or %s", c.Stats, StatsDefault, StatsAll, StatsMinimal)
}
