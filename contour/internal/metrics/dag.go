package metrics

import "github.com/prometheus/client_golang/prometheus"

// rebuilds are Contour's metrics of rebuilds of its DAG. Here an iteration of the pipeline takes the place of a rebuild: it
// derives what has changed, and publishes it.
type rebuilds struct {
	total   prometheus.Counter
	last    prometheus.Gauge
	seconds prometheus.Summary
	publish prometheus.Summary
}

func (m *Metrics) dag() {
	m.rebuilds = rebuilds{
		total:   prometheus.NewCounter(prometheus.CounterOpts{Name: "contour_dagrebuild_total", Help: "Iterations of the pipeline, each for the changes that arrived before it."}),
		last:    m.gauge("contour_dagrebuild_timestamp", "Time of the last iteration of the pipeline, in seconds since 1970."),
		seconds: prometheus.NewSummary(prometheus.SummaryOpts{Name: "contour_dagrebuild_seconds", Help: "Duration of an iteration of the pipeline.", Objectives: objectives()}),
		publish: prometheus.NewSummary(prometheus.SummaryOpts{
			Name: "contour_cachehandler_onupdate_duration_seconds", Help: "Duration of the publication of changed xDS resources.",
			Objectives: map[float64]float64{0.5: 0.05, 0.9: 0.01, 0.99: 0.001},
		}),
	}
	m.Registry.MustRegister(m.rebuilds.total, m.rebuilds.seconds, m.rebuilds.publish)
}

// objectives are the quantiles of Contour's summaries, and the error of each.
func objectives() map[float64]float64 {
	return map[float64]float64{0: 0.01, 0.25: 0.01, 0.5: 0.01, 0.75: 0.01, 0.9: 0.01, 0.95: 0.005, 0.99: 0.001, 1: 0.001}
}

func (r rebuilds) record(b Batch) {
	r.total.Inc()
	r.last.Set(float64(b.Ended.Unix()))
	r.seconds.Observe(b.Took.Seconds())
	r.publish.Observe(b.PublishTook.Seconds())
}
