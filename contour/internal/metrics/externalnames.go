package metrics

func (m *Metrics) externalNames() {
	m.lookups = m.counters("contour_external_name_lookups_total", "Lookups of the names of ExternalName Services, by outcome (success, or the kind of failure).", "outcome")
	m.externalNameStates = m.gauges("contour_external_names", "Names of ExternalName Services, by state: resolved, stale (the last lookup failed) or unresolved.", "state")
}

// LookedUp records the outcome of a lookup of the name of an ExternalName Service.
func (m *Metrics) LookedUp(outcome string) { m.lookups.WithLabelValues(outcome).Inc() }

// ExternalNames records the number of the names of ExternalName Services by state.
func (m *Metrics) ExternalNames(byState map[string]int) {
	for state, n := range byState {
		m.externalNameStates.WithLabelValues(state).Set(float64(n))
	}
}
