package metrics

import "github.com/prometheus/client_golang/prometheus"

func (m *Metrics) externalNames() {
	m.lookups = m.counters("contour_external_name_lookups_total", "Lookups of the names of ExternalName Services, by outcome (success, or the kind of failure).", "outcome")
	m.externalNameStates = &externalNames{description: prometheus.NewDesc("contour_external_names",
		"Names of ExternalName Services, by state: resolved, stale (the last lookup failed) or unresolved.", []string{"state"}, nil)}
	m.Registry.MustRegister(m.externalNameStates)
}

// LookedUp records the outcome of a lookup of the name of an ExternalName Service.
func (m *Metrics) LookedUp(outcome string) { m.lookups.WithLabelValues(outcome).Inc() }

// ExternalNames sets what returns the number of the names of ExternalName Services by state; once, before the metrics are read.
func (m *Metrics) ExternalNames(count func() map[string]int) { m.externalNameStates.count = count }

// externalNames are the numbers at the time when they are read: names end without any lookup.
type externalNames struct {
	description *prometheus.Desc
	count       func() map[string]int // nil: there are none
}

// Describe implements prometheus.Collector.
func (e *externalNames) Describe(out chan<- *prometheus.Desc) { out <- e.description }

// Collect implements prometheus.Collector.
func (e *externalNames) Collect(out chan<- prometheus.Metric) {
	if e.count == nil {
		return
	}
	for state, n := range e.count() {
		out <- prometheus.MustNewConstMetric(e.description, prometheus.GaugeValue, float64(n), state)
	}
}
