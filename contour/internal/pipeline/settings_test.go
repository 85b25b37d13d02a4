package pipeline_test

import (
	"maps"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// A change of a group of the configuration derives what reads the group, and nothing else, whatever the number of hosts.
func TestChangeOfAGroupDerivesWhatReadsIt(t *testing.T) {
	downstream := map[string]uint64{"store/downstream": 1, "translate/listeners": 3, "translate/filter chains": tlsProxies}
	for _, n := range []int{fewProxies, 10 * fewProxies} {
		objects := uint64(n + tlsProxies)
		cfg := config.Default()
		sys := newSystem(t, cfg)
		sys.Step(bigWorld(t, n))
		for _, row := range []struct {
			group       string
			edit        func()
			derivations map[string]uint64 // by table
			resources   int
		}{
			{"access log", func() { cfg.AccessLog.HTTP, cfg.AccessLog.HTTPS = "/tmp/http", "/tmp/https" }, downstream, 2},
			{"listeners", func() { cfg.Listeners.HTTP.Port++ }, downstream, 1},
			{"TLS", func() { cfg.TLS.Min = ir.TLS13 }, with(downstream, "compile/root", tlsProxies), 1},
			{"route tables", func() { cfg.RouteTables.Hosts++ }, map[string]uint64{}, 0},
			{"status", func() { cfg.Status.Addresses = []string{"192.0.2.1"} }, map[string]uint64{
				"status/addresses": 1, "status/faultless": 1, "status/desired": objects,
			}, 0},
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

// with is the counts and one more.
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

// since is the runs of the tables that have run since then.
func since(sys *system, before map[string]uint64) map[string]uint64 {
	runs := map[string]uint64{}
	for name, n := range derivations(sys) {
		if n > before[name] {
			runs[name] = n - before[name]
		}
	}
	return runs
}
