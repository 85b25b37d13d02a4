package metrics

func (m *Metrics) configuration() {
	m.reloads = m.counters("contour_configuration_reloads_total", "Changes of the configuration file or object, by outcome (applied or rejected).", "outcome")
	m.unused = m.gauges("contour_configuration_setting_without_effect", "Settings that are given and whose feature this version has not; the value is always 1.", "setting")
}

// Reloaded notes that the configuration file or object has changed, and whether that was applied.
func (m *Metrics) Reloaded(applied bool) {
	outcome := "rejected"
	if applied {
		outcome = "applied"
	}
	m.reloads.WithLabelValues(outcome).Inc()
}

// WithoutEffect notes the settings whose feature is missing; their number is bounded by that of the known settings.
func (m *Metrics) WithoutEffect(settings []string) {
	m.unused.Reset()
	for _, s := range settings {
		m.unused.WithLabelValues(s).Set(1)
	}
}
