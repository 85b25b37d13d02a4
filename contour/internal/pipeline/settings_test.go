package pipeline_test

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// A change of a group of the configuration runs only derivations that read the group, for any number of hosts.
func TestChangeOfAGroupDerivesOnlyItsReaders(t *testing.T) {
	http := map[string]uint64{"compile/root": 1, "compile/listener": 3, "translate/listeners": 1}
	https := with(with(with(http, "translate/filter chains", tlsProxies), "translate/shared filter chains", 1), "translate/listener settings", 1)
	for _, n := range []int{fewProxies, 10 * fewProxies} {
		objects, clusters := uint64(n+tlsProxies), uint64(min(n, manyServices))
		cfg := config.Default()
		sys := newSystem(t, cfg)
		sys.Step(manyObjects(t, n))
		for _, row := range []struct {
			group       string
			edit        func()
			derivations map[string]uint64 // by table
			resources   int
		}{
			{"access log", func() { cfg.AccessLog.HTTP, cfg.AccessLog.HTTPS = "/tmp/http", "/tmp/https" }, with(https, "translate/listeners", 2), 2},
			{"timeouts", func() { cfg.Timeouts.Request.Duration = time.Second }, with(https, "translate/listeners", 2), 2},
			{"HTTP", func() { cfg.HTTP.TrustedHops = 1 }, with(https, "translate/listeners", 2), 2},
			{"clusters", func() { cfg.Cluster.ConnectTimeout = time.Second }, map[string]uint64{"translate/clusters": clusters}, int(clusters)},
			{"listeners", func() { cfg.Listeners.HTTP.Port++ }, http, 1},
			{"TLS", func() { cfg.TLS.Min = ir.TLS13 }, with(https, "compile/root", 1+tlsProxies), 1},
			{"route tables", func() { cfg.RouteTables.Hosts++ }, http, 0},
			{"status", func() { cfg.Status.Addresses = []string{"192.0.2.1"} }, map[string]uint64{
				"status/addresses": 1, "status/valid": 1, "status/desired": objects,
			}, 0},
			{"endpoints, others", func() { cfg.Endpoints.Denied = []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")} }, map[string]uint64{"translate/endpoints": clusters}, 0},
			{"endpoints", func() { cfg.Endpoints.Denied = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} }, map[string]uint64{"translate/endpoints": clusters}, int(clusters)},
			{"nothing", func() {}, map[string]uint64{}, 0},
		} {
			before := derivations(sys)
			row.edit()
			r := sys.Configure(cfg)
			if got := since(sys, before); !maps.Equal(got, row.derivations) || r.Published != row.resources {
				t.Errorf("%s, %d proxies: derivations %v, resources %d; want %v, %d", row.group, n, got, r.Published, row.derivations, row.resources)
			}
		}
	}
}

// with returns the counts with another one for a table.
func with(counts map[string]uint64, table string, n uint64) map[string]uint64 {
	counts = maps.Clone(counts)
	counts[table] = n
	return counts
}

// derivations counts the runs of each table.
func derivations(sys *system) map[string]uint64 {
	runs := map[string]uint64{}
	for _, s := range sys.Stats() {
		runs[s.Table] = s.Runs
	}
	return runs
}

// since returns the runs of each table since then.
func since(sys *system, before map[string]uint64) map[string]uint64 {
	runs := map[string]uint64{}
	for name, n := range derivations(sys) {
		if n > before[name] {
			runs[name] = n - before[name]
		}
	}
	return runs
}
