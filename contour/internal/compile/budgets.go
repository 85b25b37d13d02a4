package compile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"contour.example/contour/internal/compile/budget"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// budgets enforces the budgets of namespaces on roots. The costs of roots are summed outside the derivations, because a
// derivation that reads all roots of a namespace costs as much as there are of them; a root reads the verdict on itself.
type budgets struct {
	book    *budget.Budgets
	setting config.Budgets
	refused *memo.Input[kobj.Key, budget.Verdict] // those that are not served
	counts  map[string]int                        // of those, and of roots that are too large, by namespace; no zeros
}

func (c *Compile) addBudgets(e *memo.Engine) {
	c.budgets.refused = memo.NewInput[kobj.Key](e, "compile/refused", func(a, b budget.Verdict) bool { return a == b })
	c.budgets.counts = map[string]int{}
	c.budgets.setting = c.store.Settings.Budgets.Peek()
	c.budgets.book = budget.New(limitOf(c.budgets.setting), c.charged)
}

// charged calls add for every root of a namespace that costs something, and returns the number of all roots.
func (c *Compile) charged(namespace string, add func(kobj.Key, budget.Object)) (visited int) {
	c.roots.Keys(func(k kobj.Key) bool {
		visited++
		if k.Namespace != namespace {
			return true
		}
		if root, ok := c.roots.Peek(k); ok {
			if o := objectOf(k, &root); o != nil {
				add(k, *o)
			}
		}
		return true
	})
	return visited
}

// objectOf is a root in the form of package budget; nil if it costs nothing.
func objectOf(k kobj.Key, root *contrib.Root) *budget.Object {
	if root == nil || root.Cost == (contrib.Cost{}) || k.Kind == "" {
		return nil
	}
	return &budget.Object{Created: root.Created, Cost: root.Cost}
}

// limitOf is the budgets of a namespace.
func limitOf(b config.Budgets) contrib.Cost {
	return contrib.Cost{
		Routes: b.Routes, VirtualHosts: b.VirtualHosts, Listeners: b.Listeners, Addresses: b.Addresses, TLSHosts: b.TLSHosts, Clusters: b.Clusters, Endpoints: b.Endpoints,
		HealthChecks: 60 * b.HealthChecks, Expressions: b.Expressions,
	}
}

// Run brings everything up to date by run, which runs the engine, with the decisions that depend on any number of objects, so that no
// derivation can make them. What prevails among policies is decided first: see gatewayapi.Compiler.AttachPolicies.
func (c *Compile) Run(run func()) {
	c.Gateways.AttachPolicies()
	run()
	for c.Gateways.AssignAddresses() || c.Gateways.ResolvePrecedence() || c.Gateways.ResolveRivals() || c.EnforceBudgets() {
		run()
	}
}

// EnforceBudgets sums the costs of the roots that changed since its last call, and reports whether a verdict on a root changed.
// It is called between runs of the engine, until it returns false.
func (c *Compile) EnforceBudgets() bool {
	b := &c.budgets
	if s := c.store.Settings.Budgets.Peek(); limitOf(s) != b.book.Limit() {
		c.resetBudgets(s)
	}
	for _, ch := range c.roots.Changes() {
		b.book.Set(ch.Key, objectOf(ch.Key, ch.Old), objectOf(ch.Key, ch.New))
		b.countTooLarge(ch.Key, ch.Old, -1)
		b.countTooLarge(ch.Key, ch.New, 1)
	}
	changed := false
	for _, v := range b.book.Changes() {
		changed = b.setVerdict(v.Object, v.Verdict) || changed
	}
	return changed
}

// setVerdict stores the verdict on a root, and reports whether it differs from the former one.
func (b *budgets) setVerdict(k kobj.Key, v budget.Verdict) bool {
	_, was := b.refused.Peek(k)
	if v != budget.Served {
		if !was {
			b.count(k.Namespace, 1)
		}
		return b.refused.Set(k, v)
	}
	if !was {
		return false
	}
	b.count(k.Namespace, -1)
	return b.refused.Delete(k)
}

// countTooLarge counts a root, if there is one, that has more routes than an object may have.
func (b *budgets) countTooLarge(k kobj.Key, root *contrib.Root, by int) {
	if root != nil && root.TooLarge {
		b.count(k.Namespace, by)
	}
}

// count adds to the number of objects of a namespace that are not served.
func (b *budgets) count(namespace string, by int) {
	if b.counts[namespace] += by; b.counts[namespace] == 0 {
		delete(b.counts, namespace)
	}
}

// resetBudgets counts all roots again, for other budgets.
func (c *Compile) resetBudgets(s config.Budgets) {
	b := &c.budgets
	c.roots.Changes() // they are among the present roots
	b.setting, b.book, b.counts = s, budget.New(limitOf(s), c.charged), map[string]int{}
	var refused []kobj.Key
	b.refused.Each(func(k kobj.Key, _ budget.Verdict) bool { refused = append(refused, k); return true })
	for _, k := range refused {
		b.refused.Delete(k)
	}
	c.roots.Keys(func(k kobj.Key) bool {
		if root, ok := c.roots.Peek(k); ok {
			b.book.Set(k, nil, objectOf(k, &root))
			b.countTooLarge(k, &root, 1)
		}
		return true
	})
}

// Refused returns the number of roots of each namespace that are not served because of its budgets; no zeros.
func (c *Compile) Refused() map[string]int { return maps.Clone(c.budgets.counts) }

// overBudget returns the root as it is served instead, if it exceeds a budget by itself or with the older objects of its namespace.
func (c *Compile) overBudget(r *memo.Reader, k kobj.Key, root contrib.Root) (contrib.Root, bool) {
	verdict, refused := c.budgets.refused.Get(r, k)
	budgets := c.store.Settings.Budgets.Get(r)
	if exceeds(root.Cost.Routes, budgets.ObjectRoutes) {
		cause := fmt.Sprintf("The object has more than %d routes", budgets.ObjectRoutes)
		root.TooLarge = !refused
		root.Cost = contrib.Cost{
			VirtualHosts: root.Cost.VirtualHosts, Listeners: root.Cost.Listeners, Addresses: root.Cost.Addresses, TLSHosts: root.Cost.TLSHosts,
		}
		return c.refuse(k, root, max(verdict, budget.Closed), cause), true
	}
	if !refused {
		return contrib.Root{}, false
	}
	cause := fmt.Sprintf("The object exceeds a budget of namespace %q, alone or with older objects (%s)", k.Namespace, shares(root.Cost, limitOf(budgets)))
	return c.refuse(k, root, verdict, cause), true
}

// refuse returns the root as it is served instead, with a diagnostic for the cause: its hosts are closed, or not there at all.
func (c *Compile) refuse(k kobj.Key, root contrib.Root, v budget.Verdict, cause string) contrib.Root {
	out := root
	out.Contributions, out.Listeners, out.Chains = nil, nil, nil
	if v == budget.Closed {
		for i := range root.Contributions {
			if own, ok := closed(root.Contributions[i]); ok {
				out.Contributions = append(out.Contributions, own)
			}
		}
	}
	out.Report = report.Report{Visited: root.Report.Visited, Diagnostics: slices.Clone(root.Report.Diagnostics)}
	answer := "its hosts answer 503"
	switch {
	case v == budget.Omitted:
		answer = "its hosts do not exist"
	case forwards(root.Contributions):
		answer = "connections to its hosts are closed"
	}
	out.Report.Add(report.Diagnostic{
		Object: k, Type: c.apis[k.Kind].Types.Conflict, Reason: report.BudgetExceeded, Field: "spec", Message: cause + "; " + answer + ".",
	})
	out.Report.Seal()
	return out
}

// forwards reports whether contributions are to hosts without requests.
func forwards(contributions []contrib.Contribution) bool {
	return slices.ContainsFunc(contributions, func(c contrib.Contribution) bool { return c.TCP != nil && c.TLS == nil })
}

// closed is a contribution whose host answers requests with 503 and closes connections.
func closed(c contrib.Contribution) (contrib.Contribution, bool) {
	forwarded := c.TCP != nil
	c.Policies, c.Weight, c.Expressions, c.TCP = nil, 0, 0, nil
	switch {
	case c.TLS != nil:
		c.TLS, c.Routes = &ir.TLS{CloseConnections: true}, nil
	case forwarded:
		c.TCP = &ir.TCPProxy{}
	case c.JoinsTLS:
		return contrib.Contribution{}, false
	default:
		c.Routes = []ir.Route{{
			Match: ir.Match{Path: ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}}, Origin: c.Object, Direct: &ir.Direct{Code: 503},
		}}
	}
	return c, true
}

// shares describes the cost of an object and the budgets, as in "3 of 2 routes".
func shares(cost, limit contrib.Cost) string {
	var out []string
	for _, x := range []struct {
		n, most int
		what    string
	}{
		{cost.Routes, limit.Routes, "routes"},
		{cost.VirtualHosts, limit.VirtualHosts, "virtual hosts"},
		{cost.Listeners, limit.Listeners, "listeners"},
		{cost.Addresses, limit.Addresses, "addresses of Gateways"},
		{cost.TLSHosts, limit.TLSHosts, "TLS hosts"},
		{cost.Clusters, limit.Clusters, "clusters"},
		{cost.Endpoints, limit.Endpoints, "endpoints"},
		{(cost.HealthChecks + 59) / 60, limit.HealthChecks / 60, "health checks per second"},
		{cost.Expressions, limit.Expressions, "for regular expressions"},
	} {
		if x.most > 0 {
			out = append(out, fmt.Sprintf("%d of %d %s", x.n, x.most, x.what))
		}
	}
	return strings.Join(out, ", ")
}
