package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"contour.example/harness/bench/result"
	"contour.example/harness/bench/target"
	"contour.example/harness/load"
)

// What a hostile tenant may cost the others. The bounds of memory are not derived from the budgets: they are several times what
// was measured.
const (
	editBound       = 50 * time.Millisecond // 99th percentile
	slowdownBound   = 2.0                   // 99th percentile of requests, to that of the quiet phase
	controllerBound = 512.0                 // MiB, beyond the quiet phase
	envoyBound      = 512.0                 // MiB, beyond the quiet phase
)

// phase is what was measured of the honest tenant, and of the processes, during an attack or without one.
type phase struct {
	edits  schedule
	loads  []load.Report // without and with TLS
	memory memory
	used   target.Usage
}

// p99 is the 99th percentile of the latency of requests of the load.
func (p phase) p99(load int) time.Duration { return p.loads[load].Latency(0.99) }

// failed is how many requests were not answered by the tenant's backend, and notSent how many could not be sent.
func (p phase) failed() (failed, notSent int, reasons string) {
	var texts []string
	for _, l := range p.loads {
		failed, notSent = failed+l.Failed(), notSent+l.NotSent
		if text := kinds(l.Failures); text != "" {
			texts = append(texts, text)
		}
	}
	return failed, notSent, strings.Join(texts, ", ")
}

// exceeded is what a phase exceeds, compared with the quiet one.
func (p phase) exceeded(quiet phase) (texts []string) {
	add := func(is bool, format string, args ...any) {
		if is {
			texts = append(texts, fmt.Sprintf(format, args...))
		}
	}
	add(len(p.edits.served) == 0, "no edit was served")
	if len(p.edits.served) > 0 {
		served, handled := result.Quantile(p.edits.served, 0.99), result.Quantile(p.edits.handled, 0.99)
		add(served > editBound, "edit p99 %s > %s", served.Round(time.Millisecond), editBound)
		add(handled > editBound, "edit p99 after a watch had it %s > %s", handled.Round(time.Millisecond), editBound)
	}
	add(p.edits.missed > 0, "%d edits missed (%v)", p.edits.missed, p.edits.err)
	for i, name := range []string{"request", "TLS request"}[:len(p.loads)] {
		ratio := float64(p.p99(i)) / float64(max(1, quiet.p99(i)))
		add(p.loads[i].Sent == 0, "no %s was sent", name)
		add(ratio > slowdownBound, "%s p99 %.2g x the quiet one > %.2g", name, ratio, slowdownBound)
	}
	failed, notSent, kinds := p.failed()
	add(failed > 0, "%d requests failed (%s)", failed, kinds)
	add(notSent > 0, "%d requests not sent", notSent)
	for _, figure := range []struct {
		of    sampled
		name  string
		bound float64
	}{{controllerOwn, "controller", controllerBound}, {envoyAllocated, "Envoy", envoyBound}} {
		grown := p.memory.peak[figure.of] - quiet.memory.peak[figure.of]
		add(grown > figure.bound, "%s +%.0f MiB > %.0f MiB", figure.name, grown, figure.bound)
	}
	return slices.Clip(texts)
}
