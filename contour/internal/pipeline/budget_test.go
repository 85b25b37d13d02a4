package pipeline_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/stagetest"
)

// aged is a proxy of a namespace that is younger the larger its number is.
func aged(namespace string, i int) *contourv1.HTTPProxy {
	p := proxy(i)
	p.Namespace = namespace
	p.CreationTimestamp = metav1.NewTime(stagetest.Now().Add(time.Duration(i) * time.Second))
	return p
}

// A namespace that is at its budget costs an edit what it costs in any other namespace, however many objects are refused:
// its own edits change as few verdicts as they must, and those of others none.
func TestBudgetCostsWhatAChangeCosts(t *testing.T) {
	few, many := countOverBudget(t, 100), countOverBudget(t, 5000)
	if len(few) != len(many) {
		t.Fatalf("%d and %d changes", len(few), len(many))
	}
	for name, n := range few {
		if many[name] != n {
			t.Errorf("%s: %d derivations with few objects, %d with many", name, n, many[name])
		}
	}
}

// countOverBudget makes changes where a namespace has n objects, of which half are within its budget.
func countOverBudget(t *testing.T, n int) map[string]uint64 {
	t.Helper()
	cfg := config.Default()
	cfg.Budgets = config.Budgets{Routes: n}
	sys := newSystem(t, cfg)
	world := change(aged("quiet", n))
	for i := range n {
		world = append(world, change(aged("loud", i))...)
	}
	sys.Step(world)
	if got := sys.Compile.Refused(); got["loud"] != n/2 || len(got) != 1 {
		t.Fatalf("refused: %v", got)
	}
	counts := map[string]uint64{}
	edit := func(name string, p *contourv1.HTTPProxy) {
		counts[name] = sys.Step(change(p)).Derivations
		t.Logf("%s among %d: %d derivations", name, n, counts[name])
	}
	for name, i := range map[string]int{"of a served object": 0, "of a refused object": n - 1} {
		p := aged("loud", i)
		p.Spec.Routes[1].Conditions[0].Prefix = "/changed"
		edit("an edit "+name, p)
	}
	p := aged("quiet", n)
	p.Spec.Routes[1].Conditions[0].Prefix = "/changed"
	edit("an edit of another namespace", p)
	p = aged("loud", 1)
	p.Spec.Routes = append(p.Spec.Routes, contourv1.Route{
		Conditions: []contourv1.MatchCondition{{Prefix: "/more"}}, Services: p.Spec.Routes[0].Services,
	})
	edit("a route more than the budget", p)
	edit("a route fewer", aged("loud", 1))
	return counts
}

// An object beyond a budget is not served, and says so; its hosts are closed. Every kind of budget does that.
func TestEveryBudget(t *testing.T) {
	objects := append(change(service(1)), change(secret(t, "team", "cert-1"))...)
	many := slice(1, "10.0.0.1")
	for range 99 {
		many.Endpoints = append(many.Endpoints, many.Endpoints[0])
	}
	objects = append(objects, change(many)...)
	for i := range 3 {
		p := aged("team", i)
		p.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: "cert-1"}
		p.Spec.Routes = []contourv1.Route{{
			Conditions: []contourv1.MatchCondition{{Regex: "/a+"}}, Services: []contourv1.Service{{Name: "service-1", Port: 80}},
			HealthCheckPolicy: &contourv1.HTTPHealthCheckPolicy{Path: "/", IntervalSeconds: 10},
		}}
		objects = append(objects, change(p)...)
	}
	for name, b := range map[string]config.Budgets{
		"routes": {Routes: 4}, "virtual hosts": {VirtualHosts: 4}, "TLS hosts": {TLSHosts: 2}, "clusters": {Clusters: 2},
		"endpoints": {Endpoints: 2 * 128}, "expressions": {Expressions: 36},
		"health checks": {HealthChecks: 26},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Budgets = b
			sys := newSystem(t, cfg)
			sys.Step(objects)
			for i := range 3 {
				d, _ := sys.Status.Desired.Peek(kobj.Of(kobj.HTTPProxy, "team", fmt.Sprintf("proxy-%d", i)))
				host := sys.state().Hosts[ir.HostKey{
					Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_https"}, Hostname: fmt.Sprintf("host-%d.example.com", i),
				}]
				refused := len(d.Diagnostics) == 1 && d.Diagnostics[0].Reason == report.BudgetExceeded
				if refused != (i == 2) || host == nil || host.TLS.CloseConnections != (i == 2) {
					t.Errorf("proxy %d: %v, %+v", i, d.Diagnostics, host)
				}
			}
			sys.Configure(config.Default())
			if got := sys.Compile.Refused(); len(got) > 0 {
				t.Errorf("with the default budgets: %v", got)
			}
		})
	}
}

// What descriptors of rate limits say counts as routes, also where routes repeat those of their host after filters of their own.
func TestDescriptorsCountAgainstTheBudget(t *testing.T) {
	descriptors := make([]contourv1.RateLimitDescriptor, 64)
	for i := range descriptors {
		descriptors[i].Entries = []contourv1.RateLimitDescriptorEntry{{GenericKey: &contourv1.GenericKeyDescriptor{Key: strings.Repeat("k", 1000), Value: "v"}}}
	}
	limit := &contourv1.RateLimitPolicy{Global: &contourv1.GlobalRateLimitPolicy{Descriptors: descriptors}}
	filter := []contourv1.IPFilterPolicy{{Source: contourv1.IPFilterSourcePeer, CIDR: "127.0.0.1"}}
	limits := &contourv1alpha1.ExtensionService{ObjectMeta: meta("limits")}
	limits.Spec.Services = []contourv1alpha1.ExtensionServiceTarget{{Name: "service-0", Port: 80}}
	for name, edit := range map[string]func(p *contourv1.HTTPProxy){
		"of a route": func(p *contourv1.HTTPProxy) { p.Spec.Routes[0].RateLimitPolicy = limit },
		"of a host":  func(p *contourv1.HTTPProxy) { p.Spec.VirtualHost.RateLimitPolicy = limit },
		"repeated": func(p *contourv1.HTTPProxy) {
			p.Spec.VirtualHost.RateLimitPolicy = limit
			p.Spec.Routes[0].IPAllowFilterPolicy, p.Spec.Routes[1].IPAllowFilterPolicy = filter, filter
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := aged("team", 0)
			edit(p)
			copies := map[string]int{"repeated": 3}[name]
			for most, refused := range map[int]int{60 * max(1, copies): 1, 70 * max(1, copies): 0} {
				cfg := config.Default()
				cfg.Budgets, cfg.RateLimits.Service = config.Budgets{Routes: most}, kobj.Name{Namespace: "team", Name: "limits"}
				sys := newSystem(t, cfg)
				sys.Step(slices.Concat(change(service(0)), change(limits), change(p)))
				if got := sys.Compile.Refused()["team"]; got != refused {
					t.Errorf("a budget of %d routes: %d refused, want %d", most, got, refused)
				}
			}
		})
	}
}

// Roots that exceed the budget of routes by themselves, by what they include, are not compiled: an edit of the child costs for each of them
// what an inclusion costs, and not what its routes do. They are served as soon as it is within the budget.
func TestRootsBeyondTheBudgetAreNotCompiled(t *testing.T) {
	const routes, roots, inclusions = 2000, 10, 10
	cfg := config.Default()
	cfg.Budgets = config.Budgets{Routes: routes}
	sys := newSystem(t, cfg)
	child := func(n int, first string) *contourv1.HTTPProxy {
		p := proxy(0)
		p.Name, p.Spec = "child", contourv1.HTTPProxySpec{}
		for i := range n {
			r := proxy(0).Spec.Routes[0]
			r.Conditions = []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%s%d", first, i)}}
			p.Spec.Routes = append(p.Spec.Routes, r)
		}
		return p
	}
	world := append(change(service(0)), change(child(routes, "a"))...)
	for i := range roots {
		p := aged("team", i)
		p.Spec.Routes = nil
		for j := range inclusions {
			p.Spec.Includes = append(p.Spec.Includes, contourv1.Include{
				Name: "child", Conditions: []contourv1.MatchCondition{{Prefix: fmt.Sprintf("/%d", j)}},
			})
		}
		world = append(world, change(p)...)
	}
	sys.Step(world)
	if got := sys.Compile.Refused(); got["team"] != roots {
		t.Fatalf("refused: %v", got)
	}
	edit := child(routes, "b")
	const perRoute = 64 // bytes that may be allocated for each route by which the roots exceed the budget; compiled, it takes a kilobyte
	if got := bytesAllocated(func() { sys.Step(change(edit)) }); got > roots*inclusions*routes*perRoute {
		t.Errorf("%d bytes are allocated for an edit", got)
	}
	d, _ := sys.Status.Desired.Peek(kobj.Of(kobj.HTTPProxy, "team", aged("team", 0).Name))
	if !slices.ContainsFunc(d.Diagnostics, func(d report.Diagnostic) bool { return d.Reason == report.BudgetExceeded }) {
		t.Errorf("the root has %v", d.Diagnostics)
	}
	if d, _ := sys.Status.Desired.Peek(kobj.Of(kobj.HTTPProxy, "team", "child")); slices.ContainsFunc(d.Diagnostics, func(d report.Diagnostic) bool { return d.Reason == report.Orphaned }) {
		t.Errorf("the child has %v", d.Diagnostics)
	}
	sys.Step(change(child(routes/roots/inclusions, "c")))
	if got := sys.Compile.Refused(); len(got) != 0 {
		t.Errorf("with fewer routes, refused: %v", got)
	}
}

// bytesAllocated is how many bytes f allocates, freed or not.
func bytesAllocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Several Ingresses of a host share the budget of regular expressions of the host: the older ones have theirs.
func TestIngressesShareTheExpressionsOfAHost(t *testing.T) {
	cfg := config.Default()
	cfg.Budgets.HostExpressions = 6000
	paths, over := ofOneHost(t, cfg, []string{"/.*a.{20}", "/prefix-0"}, []string{"/.*b.{20}", "/prefix-1"}, []string{"/c+", "/prefix-2"})
	if want := []string{"/.*a.{20}", "/c+", "/prefix-2", "/prefix-1", "/prefix-0"}; !slices.Equal(paths, want) || !slices.Equal(over, []int{1}) {
		t.Errorf("routes %v, want %v; Ingresses %v exceed the budget, want the second one", paths, want, over)
	}
}

// Several Ingresses of a host share the number of routes that an object may have: the older ones have theirs.
func TestIngressesShareTheRoutesOfAHost(t *testing.T) {
	cfg := config.Default()
	cfg.Budgets.ObjectRoutes = 3
	paths, over := ofOneHost(t, cfg, []string{"/a", "/b"}, []string{"/c", "/d"}, []string{"/e"})
	if want := []string{"/e", "/b", "/a"}; !slices.Equal(paths, want) || !slices.Equal(over, []int{1}) {
		t.Errorf("routes %v, want %v; Ingresses %v exceed the budget, want the second one", paths, want, over)
	}
}

// ofOneHost returns the paths of the routes of a host that several Ingresses share, each younger than the one before, and which of
// them exceed a budget.
func ofOneHost(t *testing.T, cfg config.Config, ingresses ...[]string) (paths []string, over []int) {
	t.Helper()
	sys := newSystem(t, cfg)
	kind := networkingv1.PathTypeImplementationSpecific
	for i, own := range ingresses {
		ing := &networkingv1.Ingress{ObjectMeta: meta(fmt.Sprint("ingress-", i))}
		ing.CreationTimestamp = metav1.NewTime(stagetest.Now().Add(time.Duration(i) * time.Second))
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}}
		rule := networkingv1.IngressRule{Host: "a.example.com"}
		rule.HTTP = &networkingv1.HTTPIngressRuleValue{}
		for _, path := range own {
			rule.HTTP.Paths = append(rule.HTTP.Paths, networkingv1.HTTPIngressPath{Path: path, PathType: &kind, Backend: backend})
		}
		ing.Spec.Rules = []networkingv1.IngressRule{rule}
		sys.Step(change(ing))
	}
	host := sys.state().Hosts[ir.HostKey{Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"}, Hostname: "a.example.com"}]
	for _, r := range host.Routes {
		paths = append(paths, r.Match.Path.Value)
	}
	for i := range ingresses {
		d, _ := sys.Status.Desired.Peek(kobj.Of(kobj.Ingress, "team", fmt.Sprint("ingress-", i)))
		if slices.ContainsFunc(d.Diagnostics, func(d report.Diagnostic) bool { return d.Reason == report.BudgetExceeded }) {
			over = append(over, i)
		}
	}
	return paths, over
}

// A root with more routes than an object may have is closed, counted as refused, and costs the others of its namespace nothing.
// It is served again when it has fewer, or may have more.
func TestObjectRoutes(t *testing.T) {
	const most = 6
	cfg := config.Default()
	cfg.Budgets.Routes, cfg.Budgets.ObjectRoutes = 2*most, most
	sys := newSystem(t, cfg)
	withRoutes := func(i, n int) *contourv1.HTTPProxy {
		p := aged("team", i)
		r := proxy(0).Spec.Routes[0]
		p.Spec.Routes = nil
		for j := range n {
			r.Conditions = []contourv1.MatchCondition{{Prefix: fmt.Sprint("/", j)}}
			p.Spec.Routes = append(p.Spec.Routes, r)
		}
		return p
	}
	long := withRoutes(1, 1)
	long.Spec.Routes[0].ResponseHeadersPolicy = &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "x", Value: strings.Repeat("x", most<<10)}}}
	check := func(when string, refused ...int) {
		t.Helper()
		for i := range 4 {
			d, _ := sys.Status.Desired.Peek(kobj.Of(kobj.HTTPProxy, "team", fmt.Sprintf("proxy-%d", i)))
			over := slices.ContainsFunc(d.Diagnostics, func(d report.Diagnostic) bool { return d.Reason == report.BudgetExceeded })
			if over != slices.Contains(refused, i) {
				t.Errorf("%s: proxy %d has %v", when, i, d.Diagnostics)
			}
			host := sys.state().Hosts[ir.HostKey{
				Listener: ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"}, Hostname: fmt.Sprintf("host-%d.example.com", i),
			}]
			if closed := len(host.Routes) == 1 && host.Routes[0].Direct != nil && host.Routes[0].Direct.Code == 503; closed != over {
				t.Errorf("%s: the host of proxy %d has %+v", when, i, host.Routes)
			}
		}
		if got := sys.Compile.Refused()["team"]; got != len(refused) {
			t.Errorf("%s: %d objects are counted as refused, want %d", when, got, len(refused))
		}
	}
	world := change(service(0))
	for _, p := range []*contourv1.HTTPProxy{withRoutes(0, most+1), long, withRoutes(2, most), withRoutes(3, most)} {
		world = append(world, change(p)...)
	}
	sys.Step(world)
	check("first", 0, 1)
	sys.Step(change(withRoutes(0, 1)))
	check("with one route", 1, 3) // the youngest is beyond the budget of the namespace
	cfg.Budgets = config.Budgets{ObjectRoutes: 2 * most}
	sys.Configure(cfg)
	check("with larger budgets")
}
