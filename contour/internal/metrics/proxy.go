package metrics

import (
	"strings"
	"sync"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
)

// Proxy is what is counted of an HTTPProxy.
type Proxy struct {
	Namespace string
	Root      bool
	Host      string // of a root
	Status    string // valid, invalid or orphaned
}

// proxies are the numbers of HTTPProxies.
type proxies struct {
	all, root, orphaned *tally // by namespace
	valid, invalid      *tally // by namespace and host
}

func (p *proxies) register(r prometheus.Registerer) {
	p.all = newTally(r, "contour_httpproxy", "HTTPProxies, whatever their status is.", "namespace")
	p.root = newTally(r, "contour_httpproxy_root", "HTTPProxies with a virtualhost.", "namespace")
	p.orphaned = newTally(r, "contour_httpproxy_orphaned", "HTTPProxies that no root includes.", "namespace")
	p.valid = newTally(r, "contour_httpproxy_valid", "Valid HTTPProxies; vhost is empty unless --metrics-per-host is set.", "namespace", "vhost")
	p.invalid = newTally(r, "contour_httpproxy_invalid", "Invalid HTTPProxies; vhost is empty unless --metrics-per-host is set.", "namespace", "vhost")
}

// Proxy records that an HTTPProxy changed from one state to another; nil stands for none.
func (m *Metrics) Proxy(from, to *Proxy) {
	m.countProxy(from, -1)
	m.countProxy(to, 1)
}

func (m *Metrics) countProxy(p *Proxy, n int) {
	if p == nil {
		return
	}
	host := ""
	if m.perHost {
		host = hostLabel(p.Host)
	}
	m.proxies.all.add(n, p.Namespace)
	if p.Root {
		m.proxies.root.add(n, p.Namespace)
	}
	switch p.Status {
	case "valid":
		m.proxies.valid.add(n, p.Namespace, host)
	case "invalid":
		m.proxies.invalid.add(n, p.Namespace, host)
	case "orphaned":
		m.proxies.orphaned.add(n, p.Namespace)
	}
}

// maxHost is the length of the longest hostname.
const maxHost = 253

// hostLabel returns the beginning of a host: that of an invalid HTTPProxy can be any text. Those who read metrics must not get control
// characters.
func hostLabel(host string) string { return printable(host[:min(len(host), maxHost)]) }

// printable returns the text without what is not UTF-8, and with U+FFFD in place of each character that is not printable.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, strings.ToValidUTF8(text, ""))
}

// tally is a gauge whose series exist while they are not zero, so that namespaces and hosts that are gone leave none.
type tally struct {
	description *prometheus.Desc
	labels      int

	mu sync.Mutex
	n  map[[2]string]int
}

func newTally(r prometheus.Registerer, name, help string, labels ...string) *tally {
	t := &tally{description: prometheus.NewDesc(name, help, labels, nil), labels: len(labels), n: map[[2]string]int{}}
	r.MustRegister(t)
	return t
}

func (t *tally) add(n int, labels ...string) {
	var key [2]string
	copy(key[:], labels)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n[key] += n; t.n[key] == 0 {
		delete(t.n, key)
	}
}

// Describe implements prometheus.Collector.
func (t *tally) Describe(out chan<- *prometheus.Desc) { out <- t.description }

// Collect implements prometheus.Collector.
func (t *tally) Collect(out chan<- prometheus.Metric) {
	for _, m := range t.metrics() { // without the lock: the reader may be slow
		out <- m
	}
}

func (t *tally) metrics() []prometheus.Metric {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]prometheus.Metric, 0, len(t.n))
	for key, n := range t.n {
		all = append(all, prometheus.MustNewConstMetric(t.description, prometheus.GaugeValue, float64(n), key[:t.labels]...))
	}
	return all
}
