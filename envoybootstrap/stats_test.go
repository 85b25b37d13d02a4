package envoybootstrap

import (
	"regexp"
	"testing"
)

// excluded reports whether the statistics configuration excludes the statistic, as Envoy evaluates it.
func excluded(t *testing.T, stats, figure string) bool {
	t.Helper()
	config := statsConfig(stats)
	if config == nil {
		return false
	}
	for _, p := range config["stats_matcher"].(object)["exclusion_list"].(object)["patterns"].(list) {
		pattern := p.(object)
		regex := pattern["safe_regex"].(object)["regex"].(string)
		if regexp.MustCompile("^(?:" + regex + ")$").MatchString(figure) {
			return true
		}
	}
	return false
}

func TestCommonStatisticsAreKept(t *testing.T) {
	for _, figure := range []string{
		"upstream_rq_total", "upstream_rq_1xx", "upstream_rq_2xx", "upstream_rq_5xx", "upstream_rq_503", "upstream_rq_completed",
		"upstream_rq_time", "upstream_rq_active", "upstream_rq_pending_active", "upstream_rq_pending_overflow", "upstream_rq_pending_total",
		"upstream_rq_timeout", "upstream_rq_per_try_timeout", "upstream_rq_retry", "upstream_rq_retry_success", "upstream_rq_retry_overflow",
		"upstream_rq_retry_limit_exceeded", "upstream_rq_rx_reset", "upstream_rq_tx_reset", "upstream_rq_cancelled",
		"upstream_cx_active", "upstream_cx_total", "upstream_cx_http1_total", "upstream_cx_http2_total", "upstream_cx_connect_fail",
		"upstream_cx_connect_timeout", "upstream_cx_overflow", "upstream_cx_none_healthy", "upstream_cx_idle_timeout", "upstream_cx_protocol_error",
		"upstream_cx_destroy_remote_with_active_rq", "upstream_cx_destroy_local_with_active_rq", "upstream_cx_max_requests",
		"upstream_cx_rx_bytes_total", "upstream_cx_tx_bytes_total", "bind_errors", "lb_healthy_panic",
		"membership_healthy", "membership_total", "membership_degraded", "membership_excluded", "membership_change",
		"circuit_breakers.default.rq_open", "circuit_breakers.default.cx_open", "circuit_breakers.default.rq_pending_open",
		"circuit_breakers.default.rq_retry_open", "circuit_breakers.default.remaining_rq",
		"ssl.handshake", "ssl.connection_error", "ssl.fail_verify_san", "ssl.fail_verify_error", "ssl.versions.TLSv1.3",
		"health_check.failure", "outlier_detection.ejections_active", "grpc.request_message_count", "some_future_figure",
	} {
		for _, cluster := range []string{"default_web_80", "external_internal_443", "projectcontour_contour_8001"} {
			if name := "cluster." + cluster + "." + figure; excluded(t, StatsDefault, name) {
				t.Errorf("%s is left out", name)
			}
		}
	}
	for _, figure := range []string{
		"listener.0.0.0.0_8443.downstream_cx_total", "listener.0.0.0.0_8443.ssl.certificate.app/tls.expiration_unix_time_seconds",
		"http.ingress_http.downstream_rq_2xx", "http.ingress_https.downstream_rq_time", "http.ingress_http.rds.ingress_http.update_rejected",
		"cluster_manager.cds.update_rejected", "cluster_manager.active_clusters", "listener_manager.lds.version",
		"control_plane.connected_state", "sds.contour_xds_tls_certificate.key_rotation_failed", "server.live", "server.memory_allocated", "runtime.load_error", "workers.watchdog_miss",
	} {
		for _, stats := range []string{StatsDefault, StatsAll, StatsMinimal} {
			if excluded(t, stats, figure) {
				t.Errorf("%s leaves out %s", stats, figure)
			}
		}
	}
}

func TestExpensiveStatisticsAreDropped(t *testing.T) {
	for _, figure := range []string{
		"cluster.default_web_80.external.upstream_rq_200", "cluster.default_web_80.external.upstream_rq_time",
		"cluster.default_web_80.internal.upstream_rq_completed", "cluster.default_web_80.upstream_cx_connect_ms",
		"cluster.default_web_80.upstream_cx_length_ms", "cluster.default_web_80.upstream_rq_per_cx", "cluster.default_web_80.update_duration",
		"cluster.default_web_80.version", "cluster.default_web_80.version_text", "cluster.default_web_80.lb_subsets_active",
		"cluster.default_web_80.circuit_breakers.high.rq_open", "cluster.default_web_80.http2.rx_reset",
		"sds.app/tls.update_success", "sds.www.example.com.update_success", "http.ingress_https.rds.https/www.example.com.version_text",
	} {
		if !excluded(t, StatsDefault, figure) {
			t.Errorf("%s is kept", figure)
		}
		if excluded(t, StatsAll, figure) {
			t.Errorf("%s leaves out %s", StatsAll, figure)
		}
	}
	if !excluded(t, StatsMinimal, "cluster.default_web_80.upstream_rq_total") {
		t.Errorf("%s keeps figures of clusters", StatsMinimal)
	}
}
