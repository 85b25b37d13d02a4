package metrics

func (m *Metrics) keySets() {
	m.fetches = m.counters("contour_jwks_fetches_total", "Attempts to fetch a key set of a JWT provider, by outcome (success, or the kind of failure).", "outcome")
	m.keySetStates = m.gauges("contour_jwks_key_sets", "Key sets that JWT providers want, by state: fresh, stale (the last attempts failed) or missing.", "state")
}

// Fetched records the outcome of an attempt to fetch a key set.
func (m *Metrics) Fetched(outcome string) { m.fetches.WithLabelValues(outcome).Inc() }

// KeySets records the number of key sets by state.
func (m *Metrics) KeySets(byState map[string]int) {
	for state, n := range byState {
		m.keySetStates.WithLabelValues(state).Set(float64(n))
	}
}
