package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificates are those of the xDS server, at the time when the metrics are read: files are renewed without the controller being
// involved.
type certificates struct {
	description *prometheus.Desc
	read        func() map[string]time.Time // nil: there are none
}

func (m *Metrics) xdsCertificates() {
	m.certificates = &certificates{description: prometheus.NewDesc("contour_xds_certificate_not_after_timestamp_seconds",
		"Time until which a certificate of the xDS connection is valid, in seconds since 1970: that of the server, or the last one of the CA for clients, or of the authority of fleets.", []string{"certificate"}, nil)}
	m.Registry.MustRegister(m.certificates)
}

// Certificates sets what returns the time until which each certificate is valid; once, before the metrics are read.
func (m *Metrics) Certificates(read func() map[string]time.Time) { m.certificates.read = read }

// Describe implements prometheus.Collector.
func (c *certificates) Describe(out chan<- *prometheus.Desc) { out <- c.description }

// Collect implements prometheus.Collector.
func (c *certificates) Collect(out chan<- prometheus.Metric) {
	if c.read == nil {
		return
	}
	for name, end := range c.read() {
		out <- prometheus.MustNewConstMetric(c.description, prometheus.GaugeValue, float64(end.Unix()), name)
	}
}
