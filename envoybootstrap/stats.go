package envoybootstrap

import (
	"fmt"
	"strings"
)

// The values of Config.Stats. Figures of listeners, of requests as clients see them and of Envoy itself are in all
// of them; what differs is how much is kept of every cluster and of every TLS host.
const (
	// StatsDefault keeps the figures of a cluster that dashboards and alerts are made of: requests by code, their
	// time, retries, connections, bytes, members, circuit breakers, TLS, health checks.
	StatsDefault = "default"
	// StatsAll keeps whatever Envoy counts.
	StatsAll = "all"
	// StatsMinimal keeps nothing about single clusters.
	StatsMinimal = "minimal"
)

// statsConfig is the envoy.config.metrics.v3.StatsConfig; nil leaves all as it is. What is dropped is listed, not what
// is kept: a figure that a later Envoy brings is there until someone decides otherwise.
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

// perHost matches the subscriptions that each TLS host has to its routes and its certificate: names with a slash
// (secrets) or a dot (hosts). The controller knows better what became of them, by resource.
func perHost() list {
	return list{
		object{"safe_regex": object{"regex": `sds\.(.*/.*|[^.]+\.[^.]+\..*)`}},
		object{"safe_regex": object{"regex": `http\.[^.]+\.rds\.https/.*`}},
	}
}

// ofClusters matches those figures of every cluster. The statistics' name of a cluster has no dot.
func ofClusters(figures ...string) string {
	return fmt.Sprintf(`cluster\.[^.]+\.(%s)`, strings.Join(figures, "|"))
}

// seldomRead is regular expressions for the figures of a cluster that cost memory and are hardly ever looked at.
func seldomRead() []string {
	return []string{
		// what is in upstream_rq_* already, divided by where the client is
		`(external|internal)\..*`,
		// the subscription to the endpoints
		`(assignment|update)_.*`, `version(_text)?`, `init_fetch_timeout`, `warming_state`,
		// features that no cluster of the controller uses
		`circuit_breakers\.high\..*`, `default\..*`, `lb_(local|recalculate|subsets|zone)_.*`, `max_host_weight`,
		`original_dst_host_invalid`, `retry_or_shadow_abandoned`, `upstream_internal_redirect_.*`, `upstream_(cx_connect_with_0_rtt|rq_0rtt)`,
		`upstream_(http3_broken|cx_http3_total|cx_preconnect_skipped|rq_maintenance_mode|rq_retry_backoff_.*)`,
		// inner workings
		`http[123]\..*`, `upstream_flow_control_.*`, `upstream_queue_overloaded`, `upstream_cx_(rx|tx)_bytes_buffered`,
		`upstream_cx_(close_notify|connect_attempts_exceeded|connect_ms|length_ms|max_duration_reached)`,
		`upstream_rq_(max_duration_reached|pending_failure_eject|per_cx|rx_reset_no_error)`,
	}
}

// stats says what is wrong with the choice of statistics.
func (c Config) stats() error {
	switch c.Stats {
	case StatsDefault, StatsAll, StatsMinimal:
		return nil
	}
	return fmt.Errorf("statistics %q: want %s, %s or %s", c.Stats, StatsDefault, StatsAll, StatsMinimal)
}
