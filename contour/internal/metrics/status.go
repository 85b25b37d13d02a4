package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// statuses are the numbers of status updates, by kind. As in Contour, an update that has nothing to write is a success, too.
type statuses struct {
	total, success, noop, failed, conflict *prometheus.CounterVec

	seconds *prometheus.SummaryVec
}

func (s *statuses) register(m *Metrics) {
	s.total = m.counters("contour_status_update_total", "Updates of statuses.", "kind")
	s.success = m.counters("contour_status_update_success_total", "Updates of statuses that succeeded, or had nothing to write.", "kind")
	s.noop = m.counters("contour_status_update_noop_total", "Updates of statuses that had nothing to write.", "kind")
	s.failed = m.counters("contour_status_update_failed_total", "Updates of statuses that failed, and are tried again.", "kind")
	s.conflict = m.counters("contour_status_update_conflict_total", "Updates of statuses that were refused because the object had changed, and are tried again.", "kind")
	s.seconds = prometheus.NewSummaryVec(prometheus.SummaryOpts{
		Name: "contour_status_update_duration_seconds", Help: "Duration of an update of a status.", Objectives: objectives(),
	}, []string{"kind", "error"})
	m.Registry.MustRegister(s.seconds)
}

// StatusWrite records an update of a status with its outcome: success, noop, conflict or failed.
func (m *Metrics) StatusWrite(kind, outcome string, took time.Duration) {
	s, failed := m.statuses, "false"
	switch outcome {
	case "conflict": // not a result: there is another attempt
		s.conflict.WithLabelValues(kind).Inc()
		return
	case "failed":
		failed = "true"
		s.failed.WithLabelValues(kind).Inc()
	case "noop":
		s.noop.WithLabelValues(kind).Inc()
		s.success.WithLabelValues(kind).Inc()
	default:
		s.success.WithLabelValues(kind).Inc()
	}
	s.total.WithLabelValues(kind).Inc()
	s.seconds.WithLabelValues(kind, failed).Observe(took.Seconds())
}
