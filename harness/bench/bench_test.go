//go:build local

package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/bench/result"
	"contour.example/harness/bench/target"
	"contour.example/harness/kube"
)

// expected is every measure that a target of ours must have: scenario, name.
func expected() [][2]string {
	list := [][2]string{
		{"load", "created"},
		{"load", "served, after the last create"},
		{"load", "valid, after the last create"},
		{"idle", "API writes to the objects"},
		{"idle", "controller CPU"},
		{"idle", "Envoy main thread CPU"},
		{"idle", "xDS payload"},
		{"idle", "controller memory at rest"},
		{"idle", "Envoy memory at rest"},
		{"edit", "edit seen by a request"},
		{"create", "create seen by a request"},
		{"delete", "delete seen by a request"},
		{"service", "route to a new Service seen by a request"},
		{"status", "create seen valid by a watch"},
		{"endpoint", "endpoint change seen by a request"},
		{"rotation", "new certificate seen by a handshake"},
		{"churn", "edit seen by a request"},
		{"churn", "edits"},
		{"churn", "controller CPU in all"},
		{"churn", "xDS bytes in all"},
		{"churn", "controller memory, highest"},
		{"churn", "Envoy memory, highest"},
		{"churn", "last edit served after the end"},
		{"churn", "controller highest memory ever"},
		{"switch", "switch seen by a request"},
		{"switch", "requests"},
		{"switch", "failed requests"},
		{"tls", "hosts"},
		{"tls", "served, after the last create"},
		{"tls", "valid, after the last create"},
		{"tls", "xDS bytes per host"},
		{"tls", "Envoy memory with them"},
		{"tls-edit", "edit of a TLS host seen by a request"},
		{"tls-add", "one more TLS host seen by a request"},
		{"restart", "xDS port open, after the start"},
		{"restart", "edit served, after the port opened"},
		{"restart", "xDS resources"},
		{"cold", "served, after the start of Envoy"},
		{"cold", "xDS bytes"},
	}
	for _, measure := range []string{
		"create seen by a request", "create seen valid by a watch", "delete seen by a request", "create written by the API server", "changes",
		"changes missed", "wrong answers before that", "requests to what is served", "failed requests", "requests not sent for lack of answers",
		"request", "controller CPU in all", "controller memory, highest", "Envoy memory, highest", "bounds exceeded",
	} {
		list = append(list, [2]string{"propagation", measure})
	}
	for _, path := range []string{"proxied, http, HTTP/1.1", "proxied, http, HTTP/2", "proxied, https, HTTP/1.1", "proxied, https, HTTP/2"} {
		for _, figure := range []string{"Envoy CPU per request", "requests a second"} {
			for _, mode := range []string{", one table", ", sharded", ", sharded to one table"} {
				list = append(list, [2]string{"requests", path + ": " + figure + mode})
			}
		}
	}
	for _, scenario := range []string{"edit", "create", "delete", "service", "endpoint", "rotation", "tls-edit", "tls-add"} {
		for _, resource := range target.Resources() {
			list = append(list, [2]string{scenario, string(resource) + " per change"})
		}
	}
	return list
}

// ofGateways are the measures that only the Gateway API has.
func ofGateways() [][2]string {
	return [][2]string{
		{"propagation", "writes of the Gateway's status"},
		{"propagation", "attached routes in the end"},
		{"gateways", "Gateways"},
		{"gateways", "Gateway seen programmed by a watch"},
		{"gateways", "programmed, after the last create"},
		{"gateways", "served, after the last create"},
		{"gateways", "valid, after the last create"},
		{"gateways", "controller CPU"},
		{"gateways", "controller memory with them"},
	}
}

// needsTLS reports whether only targets with TLS have the measure.
func needsTLS(m [2]string) bool {
	return strings.HasPrefix(m[0], "tls") || m[0] == "rotation" || strings.Contains(m[1], "https")
}

// A small benchmark of everything must have every measure, for each API, and those that do not depend on the machine must be right.
func TestRun(t *testing.T) {
	// The tables that a TLS host is in: an Ingress is served without TLS too.
	tables := map[API]float64{HTTPProxy: 1, Ingress: 2}
	for _, api := range APIs() {
		t.Run(string(api), func(t *testing.T) {
			o := Defaults()
			o.N, o.API, o.Samples, o.Switches = 20, api, 10, 10
			o.Idle, o.Churn = time.Second, 2*time.Second
			o.Rounds, o.Requests = 2, 2000
			o.Scenarios = append(o.Scenarios, "propagation", "gateways")
			o.Propagation.Changes, o.Gateways, o.GatewayRoutes = 20, 3, 2
			local := startLocally(t, target.Options{Gateway: api == Gateway})
			found := index(t, run(t, local.Target, o))
			if api == Ingress {
				found[[2]string{"churn", "status of an edit seen by a watch"}] = result.Measure{} // its status has no generation
			}
			if _, ok := found[[2]string{"churn", "status of an edit seen by a watch"}]; !ok {
				t.Error("no status during the churn")
			}
			measures := expected()
			if api == Gateway {
				measures = append(slices.DeleteFunc(measures, needsTLS), ofGateways()...)
			}
			for _, m := range measures {
				if _, ok := found[m]; !ok {
					t.Errorf("no measure %q of scenario %s", m[1], m[0])
				}
			}
			exact := map[[2]string]float64{
				{"switch", "failed requests"}:            0,
				{"idle", "API writes to the objects"}:    0,
				{"idle", "xDS payload"}:                  0,
				{"endpoint", "derivations per change"}:   1,
				{"endpoint", "xDS resources per change"}: 1,
				{"restart", "xDS resources"}:             1, // the edit

				{"propagation", "changes"}:                               20,
				{"propagation", "changes missed"}:                        0,
				{"propagation", "wrong answers before that"}:             0,
				{"propagation", "failed requests"}:                       0,
				{"propagation", "requests not sent for lack of answers"}: 0,
			}
			if api == Gateway {
				exact[[2]string{"propagation", "attached routes in the end"}] = float64(o.N)
				exact[[2]string{"gateways", "Gateways"}] = float64(o.Gateways)
			} else {
				exact[[2]string{"rotation", "xDS resources per change"}] = 1
				exact[[2]string{"tls-edit", "xDS resources per change"}] = tables[api]
			}
			for m, want := range exact {
				if got := found[m]; got.Value != want {
					t.Errorf("%s: %s is %v, want %v; %s", m[0], m[1], got.Value, want, got.Detail)
				}
			}
			if err := local.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// For a controller that runs elsewhere, only its addresses are needed, and nothing remains in its cluster.
func TestRunElsewhere(t *testing.T) {
	local := startLocally(t, target.Options{})
	o := Defaults()
	o.N, o.Samples, o.Scenarios = 20, 5, []string{"edit", "churn", "tls", "rotation", "restart"}
	o.Churn = time.Second
	found := index(t, run(t, target.Target{Config: local.Config, HTTP: local.HTTP, Backends: local.Backends}, o))
	for m := range found {
		if m[0] == "restart" || m[0] == "tls" || m[0] == "rotation" || strings.Contains(m[1], "xDS") || strings.Contains(m[1], "CPU") || strings.Contains(m[1], "memory") {
			t.Errorf("%s: %s of a controller that is not known", m[0], m[1])
		}
	}
	if got := found[[2]string{"edit", "edit seen by a request"}]; got.Spread == nil || got.Spread.Samples != o.Samples {
		t.Errorf("edits: %+v, want %d samples", got, o.Samples)
	}
	client, err := kube.New(local.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []schema.GroupVersionKind{
		{Group: "projectcontour.io", Version: "v1", Kind: "HTTPProxy"},
		{Group: "discovery.k8s.io", Version: "v1", Kind: "EndpointSlice"},
	} {
		left, err := client.List(t.Context(), k, "")
		if err != nil || len(left) > 0 {
			t.Errorf("%d of %s are left, %v", len(left), k.Kind, err)
		}
	}
}

// Each attack happens, and each has its figures; Envoy rejects what it shall.
func TestHostile(t *testing.T) {
	o := Defaults()
	o.N, o.Scenarios = 20, []string{"hostile"}
	o.Attacked.Duration, o.Attacked.Quiet = time.Second, time.Second
	local := startLocally(t, target.Options{})
	found := index(t, run(t, local.Target, o))
	figures, _ := result.Figures("hostile")
	for _, name := range append(Attacks(), quietPhase) {
		for _, figure := range figures {
			if _, ok := found[[2]string{"hostile", name + ": " + figure}]; !ok {
				t.Errorf("no measure %q of %s", figure, name)
			}
		}
		if m := found[[2]string{"hostile", name + ": hostile writes"}]; strings.Contains(m.Detail, "refused") {
			t.Errorf("%s: %s", name, m.Detail)
		}
	}
	if updates, err := local.Updates(t.Context()); err != nil || updates.Rejected == 0 {
		t.Errorf("Envoy rejected %d updates, %v", updates.Rejected, err)
	}
	if m := found[[2]string{"hostile", "claims: requests failed"}]; m.Value != 0 {
		t.Errorf("claims: %v requests failed: %s", m.Value, m.Detail)
	}
}

func startLocally(t *testing.T, o target.Options) *target.Local {
	t.Helper()
	local, err := target.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Stop(); err != nil {
			t.Error(err)
		}
	})
	if local.Versions["controller"] == "" || local.Versions["envoy"] == "" || ServerVersion(t.Context(), local.Config) == "" {
		t.Errorf("versions are incomplete: %v", local.Versions)
	}
	return local
}

func run(t *testing.T, on target.Target, o Options) []result.Measure {
	t.Helper()
	measures, err := Run(t.Context(), on, o, func(m result.Measure) { result.WriteLine(t.Output(), m) })
	if err != nil {
		t.Fatal(err)
	}
	return measures
}

// index finds measures by scenario and name, which must be unique.
func index(t *testing.T, measures []result.Measure) map[[2]string]result.Measure {
	t.Helper()
	found := map[[2]string]result.Measure{}
	for _, m := range measures {
		key := [2]string{m.Scenario, m.Name}
		if _, ok := found[key]; ok {
			t.Errorf("%s: %s occurs twice", m.Scenario, m.Name)
		}
		if m.Error != "" {
			t.Errorf("%s failed: %s", m.Scenario, m.Error)
		}
		found[key] = m
	}
	return found
}
