// Package metrics contains the controller's Prometheus metrics: the counters of every
// stage, under Contour's names where Contour has the same metric.
//
// It only constructs and converts; the owner of a stage calls the methods. There is no
// global registry.
package metrics

import (
	"maps"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// Metrics holds the controller's metrics.
type Metrics struct {
	Registry *prometheus.Registry

	derivations *prometheus.CounterVec
	entries     *prometheus.GaugeVec
	faults      *prometheus.CounterVec
	objects     *prometheus.GaugeVec
	operations  *prometheus.CounterVec
	batches     prometheus.Histogram
	rebuilds    rebuilds
	published   prometheus.Counter
	overBudget  *prometheus.GaugeVec
	waiting     *prometheus.GaugeVec
	proxies     proxies
	perHost     bool

	sent     *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	answers  *prometheus.CounterVec
	sessions prometheus.Gauge
	rejected prometheus.Gauge
	disagree *prometheus.GaugeVec
	overdue  *prometheus.CounterVec
	refused  *prometheus.CounterVec

	sharedVotes   prometheus.Gauge
	unsharedVotes prometheus.Gauge
	voteWrites    *prometheus.CounterVec

	reloads *prometheus.CounterVec
	unused  *prometheus.GaugeVec

	statuses statuses
	calls    calls
	requests *prometheus.CounterVec
	missing  *prometheus.GaugeVec

	fetches      *prometheus.CounterVec
	keySetStates *prometheus.GaugeVec

	lookups            *prometheus.CounterVec
	externalNameStates *externalNames
	certificates       *certificates

	runs map[string]uint64
}

// Options configure Metrics.
type Options struct {
	Version, Revision string // of the build
	// PerHost labels the numbers of valid and invalid HTTPProxies with their host: a series for each. Otherwise that label is
	// empty, and there is a series for each namespace.
	PerHost bool
}

// New registers all metrics in a new registry.
func New(o Options) *Metrics {
	m := &Metrics{Registry: prometheus.NewRegistry(), runs: map[string]uint64{}, perHost: o.PerHost}
	m.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	info := m.gauges("contour_build_info", "Build of the controller; the value is always 1.", "branch", "revision", "version")
	info.WithLabelValues("", o.Revision, o.Version).Set(1)
	m.pipeline()
	m.dag()
	m.xds()
	m.proxies.register(m.Registry)
	m.statuses.register(m)
	m.calls.register(m)
	m.requests = m.counters("rest_client_requests_total", "Requests to the API server, by status code, method and host.", "code", "method", "host")
	m.missing = m.gauges("contour_permission_missing", "Permissions at the API server that the controller needs and does not have; the value is always 1.", "verb", "resource", "namespace")
	m.configuration()
	m.keySets()
	m.externalNames()
	m.xdsCertificates()
	return m
}

func (m *Metrics) pipeline() {
	m.derivations = m.counters("contour_derivations_total", "Derivations run, by table.", "table")
	m.entries = m.gauges("contour_derived_entries", "Keys in each derived table.", "table")
	m.faults = m.counters("contour_derivation_faults_total", "Derivations that failed inside the controller, by table.", "table")
	m.objects = m.gauges("contour_dag_cache_object", "Kubernetes objects in the store, by kind.", "kind")
	m.operations = m.counters("contour_eventhandler_operation_total", "Changes of Kubernetes objects received, by operation (add, update or delete) and kind.", "op", "kind")
	m.overBudget = m.gauges("contour_budget_refused_objects", "Objects that are not served because their namespace exceeds a budget, by namespace.", "namespace")
	m.waiting = m.gauges("contour_budget_waiting_changes", "Changes of objects that wait because their namespace changes filter chains too often, by namespace.", "namespace")
	m.batches = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "contour_batch_seconds", Help: "Time to derive and publish one batch of changes.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 14),
	})
	m.published = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "contour_xds_resources_published_total", Help: "xDS resources set or removed in the table.",
	})
	m.Registry.MustRegister(m.batches, m.published)
}

func (m *Metrics) xds() {
	m.sent = m.counters("contour_xds_resources_sent_total", "xDS resources sent, by type and kind (update or removal).", "type", "kind")
	m.bytes = m.counters("contour_xds_sent_bytes_total", "Bytes of xDS responses sent, by type.", "type")
	m.answers = m.counters("contour_xds_answers_total", "Answers of Envoys to xDS responses, by type and verdict (ack or nack).", "type", "verdict")
	m.overdue = m.counters("contour_xds_needs_overdue_total", "Resources sent although what they need was not acknowledged in time.", "type")
	m.refused = m.counters("contour_xds_refused_total", "Clients beyond a limit of the xDS server: connections, streams or requests.", "limit")
	m.sessions = m.gauge("contour_xds_sessions", "Envoys connected.")
	m.rejected = m.gauge("contour_xds_rejected", "Resources, or parts of them, that are wanted and that Envoy rejects.")
	m.disagree = m.gauges("contour_xds_disagreements", "Resources, or parts of them, that an Envoy rejects and another one of its fleet accepts.", "node")
	m.sharedVotes = m.gauge("contour_shared_votes", "Rejections, and acceptances of what others reject, that replicas share.")
	m.unsharedVotes = m.gauge("contour_shared_votes_beyond_bounds", "Rejections by this replica's Envoys that it does not share because there are too many.")
	m.voteWrites = m.counters("contour_shared_votes_writes_total", "Writes of shared votes, by outcome (success or failed).", "outcome")
}

// Batch is one iteration of the pipeline.
type Batch struct {
	Ended         time.Time
	Took          time.Duration
	PublishTook   time.Duration // of that
	Published     int           // xDS resources set or removed
	Tables        []memo.Stat
	ObjectsByKind map[kobj.Kind]int
}

// Batch records one iteration of the pipeline.
func (m *Metrics) Batch(b Batch) {
	m.batches.Observe(b.Took.Seconds())
	m.rebuilds.record(b)
	m.published.Add(float64(b.Published))
	for _, t := range b.Tables {
		m.derivations.WithLabelValues(t.Table).Add(float64(t.Runs - m.runs[t.Table]))
		m.runs[t.Table] = t.Runs
		m.entries.WithLabelValues(t.Table).Set(float64(t.Entries))
	}
	for k, n := range b.ObjectsByKind {
		m.objects.WithLabelValues(string(k)).Set(float64(n))
	}
}

// OverBudget records the number of objects of each namespace that are not served because of its budgets. Namespaces without
// such objects have no value, so that those that exceed a budget bound the number of values.
func (m *Metrics) OverBudget(byNamespace map[string]int) {
	m.overBudget.Reset()
	for namespace, n := range byNamespace {
		m.overBudget.WithLabelValues(namespace).Set(float64(n))
	}
}

// Waiting records the number of changes of each namespace that wait because it changes filter chains too often.
func (m *Metrics) Waiting(byNamespace map[string]int) {
	m.waiting.Reset()
	for namespace, n := range byNamespace {
		m.waiting.WithLabelValues(namespace).Set(float64(n))
	}
}

// Fault records a derivation that failed.
func (m *Metrics) Fault(f memo.Fault) { m.faults.WithLabelValues(f.Table).Inc() }

// Operation records a change of an object that arrived: add, update or delete.
func (m *Metrics) Operation(kind, operation string) {
	m.operations.WithLabelValues(operation, kind).Inc()
}

// Sent records resources sent to one Envoy, and the bytes of the response.
func (m *Metrics) Sent(typ string, updates, removals, bytes int) {
	m.bytes.WithLabelValues(typ).Add(float64(bytes))
	m.sent.WithLabelValues(typ, "update").Add(float64(updates))
	m.sent.WithLabelValues(typ, "removal").Add(float64(removals))
}

// Answered records the answer of an Envoy to a response.
func (m *Metrics) Answered(typ string, accepted bool) {
	verdict := "nack"
	if accepted {
		verdict = "ack"
	}
	m.answers.WithLabelValues(typ, verdict).Inc()
}

// Overdue records a resource sent before its needs were acknowledged.
func (m *Metrics) Overdue(typ string) { m.overdue.WithLabelValues(typ).Inc() }

// Refused records that a client exceeded a limit of the xDS server.
func (m *Metrics) Refused(limit string) { m.refused.WithLabelValues(limit).Inc() }

// Sessions records that Envoys connected or disconnected.
func (m *Metrics) Sessions(delta int) { m.sessions.Add(float64(delta)) }

// Rejected records how many pieces Envoy rejects.
func (m *Metrics) Rejected(n int) { m.rejected.Set(float64(n)) }

// maxNodes bounds the Envoys with a label of their own.
const maxNodes = 64

// Disagreements records how many pieces each Envoy rejects that others accept; the sum of those beyond a number of Envoys has
// an empty name.
func (m *Metrics) Disagreements(byNode map[string]int) {
	m.disagree.Reset()
	for i, node := range slices.Sorted(maps.Keys(byNode)) {
		if i >= maxNodes {
			m.disagree.WithLabelValues("").Add(float64(byNode[node]))
			continue
		}
		m.disagree.WithLabelValues(printable(node)).Add(float64(byNode[node]))
	}
}

// SharedVotes records how many votes replicas share, and how many of this replica are beyond the bounds.
func (m *Metrics) SharedVotes(shared, unshared int) {
	m.sharedVotes.Set(float64(shared))
	m.unsharedVotes.Set(float64(unshared))
}

// VotesWritten records a write of shared votes.
func (m *Metrics) VotesWritten(ok bool) {
	outcome := "success"
	if !ok {
		outcome = "failed"
	}
	m.voteWrites.WithLabelValues(outcome).Inc()
}

func (m *Metrics) counters(name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(c)
	return c
}

func (m *Metrics) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.Registry.MustRegister(g)
	return g
}

func (m *Metrics) gauge(name, help string) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	m.Registry.MustRegister(g)
	return g
}
