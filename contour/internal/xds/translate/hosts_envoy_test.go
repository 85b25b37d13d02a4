//go:build envoy

package translate

import (
	"fmt"
	"slices"
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/envoybootstrap"
)

// BenchmarkEnvoyHosts measures the cost of N HTTP hosts with two routes each in Envoy: memory and main-thread CPU of
// loading them, and main-thread CPU (median) and bytes of an edited route, an added host and a removed host.
func BenchmarkEnvoyHosts(b *testing.B) {
	for _, n := range []int{100, 500, 1000, 10000, 25000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { measureHosts(b, n) })
	}
}

func measureHosts(b *testing.B, n int) {
	for b.Loop() { // once: the metrics contain the measurements
	}
	g := newRig(b, newFixture(), envoybootstrap.StatsDefault)
	g.publish()
	g.endpoints(10, backendOf(b))
	empty, idle := g.memory(), g.mainThreadCPU()
	for i := range n {
		g.set(forwarding(i, "/"))
	}
	g.engine.Run()
	g.reshard()
	g.publish()
	b.ReportMetric((g.mainThreadCPU()-idle).Seconds()*1000, "load-ms")
	b.ReportMetric((g.memory()-empty)*1024/float64(n), "KiB/host")
	g.timed(func(i int) { g.set(forwarding(0, fmt.Sprint("/warm", i))) }, 20)
	report := func(what string, change func(i int)) {
		const times = 40
		took, sent := g.timed(change, times)
		b.ReportMetric(took, what+"-ms")
		b.ReportMetric(float64(sent)/times, what+"-B")
	}
	report("edit", func(i int) { g.set(forwarding(7*i%n, fmt.Sprint("/edit", i))) })
	report("add", func(i int) { g.set(forwarding(n+i, "/")) })
	report("remove", func(i int) { g.hosts.Delete(forwarding(n+i, "/").Key) })
	b.ReportMetric(g.memory(), "MiB")
}

// timed returns the median of Envoy's main-thread CPU of changes, in ms, and the bytes sent for all of them.
func (g *rig) timed(change func(i int), times int) (median float64, bytes int64) {
	_, before := g.bytes()
	var took []float64
	for i := range times {
		start := g.mainThreadCPU()
		change(i)
		g.publish()
		took = append(took, (g.mainThreadCPU()-start).Seconds()*1000)
	}
	_, after := g.bytes()
	slices.Sort(took)
	return took[len(took)/2], after - before
}

// forwarding returns a host with two routes.
func forwarding(i int, path string) *ir.VirtualHost {
	service := fmt.Sprint("s", i%10)
	return httpHost(hostname(i), ir.Route{Match: prefix(path), Forward: to(service)}, ir.Route{Match: prefix("/api"), Forward: to(service)})
}

// BenchmarkEnvoyReshard measures the cost of doubling the shards in Envoy: main-thread CPU and bytes.
func BenchmarkEnvoyReshard(b *testing.B) {
	for _, shards := range []int{16, 128} {
		b.Run(fmt.Sprint(shards), func(b *testing.B) {
			for b.Loop() { // once: the metrics contain the measurements
			}
			g := newRig(b, newFixture(), envoybootstrap.StatsDefault)
			g.endpoints(10, backendOf(b))
			hosts := shards * hostsPerShard
			for i := range hosts {
				g.set(forwarding(i, "/"))
			}
			g.engine.Run()
			g.reshard()
			g.publish()
			_, before := g.bytes()
			start := g.mainThreadCPU()
			g.set(forwarding(hosts, "/"))
			g.engine.Run()
			g.reshard()
			g.publish()
			_, after := g.bytes()
			b.ReportMetric((g.mainThreadCPU()-start).Seconds()*1000, "reshard-ms")
			b.ReportMetric(float64(after-before)/1000, "reshard-kB")
		})
	}
}
