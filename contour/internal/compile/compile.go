// Package compile derives the routing model and reports from objects. Each API derives the
// listeners and contributions of its root objects; compile merges the contributions to
// each host, resolves conflicts with one winner each, and collects the diagnostics of every
// object. The configuration is a root too.
//
// A host is derived again only when a contribution of its roots changes, and a root only
// when an input of its derivation changes. The package contains the tables and the merge;
// its subpackages implement the APIs.
package compile

import (
	"reflect"
	"slices"
	"time"

	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/compile/gatewayapi"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Host is the result of the merge for one hostname on one listener.
type Host struct {
	VirtualHost *ir.VirtualHost // nil if nothing can be served
	Report      *report.Report  // conflicts between roots, sealed; nil: none
}

// diagnostics returns the conflicts, sorted.
func (h Host) diagnostics() []report.Diagnostic {
	if h.Report == nil {
		return nil
	}
	return h.Report.Diagnostics
}

// Object is the diagnostics of one object.
type Object struct {
	Visited     bool // a root considered the object
	Diagnostics []report.Diagnostic
}

// Compile is the tables from objects to virtual hosts and reports.
type Compile struct {
	Ref *ref.Resolver
	// Extensions contains the ExtensionServices.
	Extensions *extension.Table
	// Gateways contains the Gateways and their routes.
	Gateways *gatewayapi.Compiler
	// Listeners has an entry for every listener of a root; nil if it cannot be served.
	Listeners *memo.Table[ir.ListenerKey, *ir.Listener]
	// Chains has an entry for every chain of a root; nil if it cannot be served.
	Chains *memo.Table[ir.ChainKey, *ir.Chain]
	// VirtualHosts has an entry for every claimed hostname; nil if nothing can be served.
	VirtualHosts *memo.View[ir.HostKey, Host, *ir.VirtualHost]
	// Objects has an entry for every object of a kind with a status.
	Objects *memo.Table[kobj.Key, Object]

	apis          map[kobj.Kind]API
	env           Env
	store         *store.Store
	roots         *memo.Table[kobj.Key, contrib.Root]
	hosts         *memo.Table[ir.HostKey, Host]
	listenerRoots *memo.Index[ir.ListenerKey, kobj.Key] // by listener: the roots that define it
	chainRoots    *memo.Index[ir.ChainKey, kobj.Key]    // by chain: the roots that define it
	claims        *memo.Index[ir.HostKey, kobj.Key]     // by hostname, with the group of the listener: the roots that claim it
	ages          *memo.Table[kobj.Key, time.Time]      // when a root was created
	owners        *memo.Table[ir.HostKey, kobj.Key]     // by hostname, as in claims; zero: nobody owns it alone
	consents      *memo.Table[ir.HostKey, bool]         // whether namespaces share the virtual host, whatever owner its hostname has
	contested     *memo.Index[kobj.Key, ir.HostKey]     // by root: the hostnames that other roots claim too, with the group of the listener
	visits        *memo.Index[kobj.Key, kobj.Key]       // by object: the other roots that considered it
	faults        *memo.Index[kobj.Key, kobj.Key]       // by object: the other roots that considered it and have diagnostics about it
	mentions      *memo.Index[kobj.Key, kobj.Key]       // by object: the other roots that did not consider it and have diagnostics about it
	diagnosed     *memo.Index[kobj.Key, ir.HostKey]     // by object: the hosts with diagnostics about it
	budgets       budgets
}

// New adds the tables to the engine of the store. The APIs are added to Ingress and HTTPProxy.
func New(e *memo.Engine, s *store.Store, apis ...API) *Compile {
	c := &Compile{store: s, Ref: ref.New(e, s), apis: map[kobj.Kind]API{}}
	c.Extensions = extension.New(e, s, c.Ref)
	c.env = Env{
		Store: s, Ref: c.Ref, Expressions: validate.NewExpressions(e), Authorization: authorization.New(e, s, c.Extensions),
		RateLimits: ratelimit.New(e, s, c.Extensions),
	}
	c.Gateways = gatewayapi.New(e, gatewayapi.Env(c.env), func(r *memo.Reader, k kobj.Key) bool {
		_, refused := c.budgets.refused.Get(r, k)
		return refused
	})
	c.addBudgets(e)
	c.addRoots(e, append(c.builtin(), apis...))
	c.addListeners(e)
	c.addChains(e)
	c.addOwners(e)
	c.addHosts(e)
	c.addObjects(e)
	return c
}

func (c *Compile) addRoots(e *memo.Engine, apis []API) {
	c.roots = memo.NewTable(e, memo.Options[kobj.Key, contrib.Root]{
		Name: "compile/root", Derive: c.deriveRoot, Equal: equalValue[contrib.Root], OnPanic: c.keepLastRoot,
		// An HTTPProxy, Service or Secret can concern all roots of a namespace, and of others.
		DeferBy: func(k kobj.Key) string { return k.Namespace },
	})
	store.ReadEverywhere(c.store.Settings.Objects, c.roots)
	store.ReadEverywhere(c.store.Settings.Budgets, c.roots)
	store.ReadEverywhere(c.store.Settings.Headers, c.roots)
	c.roots.Watch()
	memo.ReadAtOwnKey(c.budgets.refused, c.roots)
	for i, api := range apis {
		api.rank = contrib.Rank(i)
		c.apis[api.Kind] = api
		api.DemandRoots(c.store, c.roots)
	}
	c.claims = memo.NewIndex(c.roots, "compile/roots by host", kobj.Key.Compare, func(_ kobj.Key, r contrib.Root) []ir.HostKey {
		keys := make([]ir.HostKey, 0, len(r.Contributions))
		for _, k := range r.Contributions {
			keys = append(keys, hostname(k.Key))
		}
		return keys
	})
	c.visits = memo.NewIndex(c.roots, "compile/roots by visited object", kobj.Key.Compare, func(k kobj.Key, r contrib.Root) []kobj.Key {
		return slices.DeleteFunc(slices.Clone(r.Report.Visited), func(v kobj.Key) bool { return v == k })
	})
	c.mentions = memo.NewIndex(c.roots, "compile/roots by mentioned object", kobj.Key.Compare, func(k kobj.Key, r contrib.Root) []kobj.Key {
		return mentioned(k, r.Report, false)
	})
	c.faults = memo.NewIndex(c.roots, "compile/roots by visited object with diagnostics", kobj.Key.Compare, func(k kobj.Key, r contrib.Root) []kobj.Key {
		return mentioned(k, r.Report, true)
	})
}

// mentioned is the objects, without the root k itself, that the root has diagnostics about: those that it considered, or the
// others. The report is sealed.
func mentioned(k kobj.Key, r report.Report, considered bool) (keys []kobj.Key) {
	for _, d := range r.Diagnostics {
		if d.Object != k && (len(keys) == 0 || keys[len(keys)-1] != d.Object) && r.Considers(d.Object) == considered {
			keys = append(keys, d.Object)
		}
	}
	return keys
}

func (c *Compile) addHosts(e *memo.Engine) {
	c.hosts = memo.NewTable(e, memo.Options[ir.HostKey, Host]{
		Name: "compile/host", Derive: c.deriveHost, Equal: equalValue[Host],
	})
	store.ReadEverywhere(c.store.Settings.LogObjects, c.hosts)
	c.diagnosed = memo.NewIndex(c.hosts, "compile/hosts by diagnosed object", ir.HostKey.Compare, func(_ ir.HostKey, h Host) []kobj.Key {
		var keys []kobj.Key
		for _, d := range h.diagnostics() {
			keys = append(keys, d.Object)
		}
		return keys
	})
	c.VirtualHosts = memo.NewView(c.hosts, func(h Host) *ir.VirtualHost { return h.VirtualHost }, equalValue[*ir.VirtualHost])
	memo.DemandFrom(c.roots, c.hosts, claimed)
}

// claimed returns the hosts that a root contributes to.
func claimed(_ kobj.Key, r contrib.Root) []ir.HostKey {
	keys := make([]ir.HostKey, 0, len(r.Contributions))
	for _, k := range r.Contributions {
		keys = append(keys, k.Key)
	}
	return keys
}

func (c *Compile) addObjects(e *memo.Engine) {
	c.Objects = memo.NewTable(e, memo.Options[kobj.Key, Object]{
		Name: "compile/object", Derive: c.deriveObject, Equal: equalValue[Object],
	})
	memo.ReadAtOwnKey(c.contested, c.Objects)
	memo.ReadAtOwnKey(c.visits, c.Objects)
	memo.ReadAtOwnKey(c.faults, c.Objects)
	memo.ReadAtOwnKey(c.mentions, c.Objects)
	memo.ReadAtOwnKey(c.diagnosed, c.Objects)
	store.DemandReported(c.store, c.Objects)
}

// deriveRoot returns the result for a root. Contributions are sorted by host, for binary search: one Ingress may have
// thousands. Routes are ordered once, so that a host with a single contribution shares them.
func (c *Compile) deriveRoot(r *memo.Reader, k kobj.Key) contrib.Root {
	api := c.apis[k.Kind]
	root := api.Root(r, c.env, k.Name)
	// A value of another table has the contributions and the routes, which several contributions have in common: they are copied.
	root.Contributions = slices.Clone(root.Contributions)
	prepared := map[sharedRoutes][]ir.Route{}
	for i := range root.Contributions {
		own := &root.Contributions[i]
		own.Rank, own.ConflictType = api.rank, api.Types.Conflict
		if len(own.Routes) == 0 {
			continue
		}
		shared := sharedRoutes{&own.Routes[0], len(own.Routes)}
		if prepared[shared] == nil {
			prepared[shared] = c.prepare(r, own)
		}
		own.Routes = prepared[shared]
	}
	slices.SortStableFunc(root.Contributions, func(a, b contrib.Contribution) int {
		return hostname(a.Key).Compare(hostname(b.Key))
	})
	c.charge(r, &root)
	if refused, ok := c.overBudget(r, k, root); ok {
		return refused
	}
	addHeaders(k, &root, c.store.Settings.Headers.Get(r))
	return root
}

// sharedRoutes is a list of routes that several contributions have in common.
type sharedRoutes struct {
	first *ir.Route
	n     int
}

// prepare returns the routes of a contribution, in order.
func (c *Compile) prepare(r *memo.Reader, own *contrib.Contribution) []ir.Route {
	routes := own.Routes
	if own.ByAge {
		routes = slices.Clone(routes)
	}
	c.share(r, routes)
	return orderedBy(own.ByAge, routes)
}

// keepLastRoot returns the last contributions of a root whose derivation panics, and reports the panic on the object.
func (c *Compile) keepLastRoot(k kobj.Key, last contrib.Root, _ bool, reason string) contrib.Root {
	var rep report.Report
	rep.Merge(last.Report)
	rep.Visit(k)
	rep.Add(report.Diagnostic{
		Object: k, Type: c.apis[k.Kind].Types.Fault, Reason: report.InternalError,
		Message: "The controller could not process the object (" + reason + "); its last valid configuration is still served.",
	})
	rep.Seal()
	return contrib.Root{Contributions: last.Contributions, Listeners: last.Listeners, Chains: last.Chains, Report: rep, Cost: last.Cost, Created: last.Created}
}

// addListeners adds the table of the listeners of roots.
func (c *Compile) addListeners(e *memo.Engine) {
	keys := func(_ kobj.Key, r contrib.Root) []ir.ListenerKey {
		var keys []ir.ListenerKey
		for i := range r.Listeners {
			keys = append(keys, r.Listeners[i].Key)
		}
		return keys
	}
	c.listenerRoots = memo.NewIndex(c.roots, "compile/roots by listener", kobj.Key.Compare, keys)
	c.Listeners = memo.NewTable(e, memo.Options[ir.ListenerKey, *ir.Listener]{
		Name: "compile/listener", Derive: c.deriveListener, Equal: equalValue[*ir.Listener],
	})
	memo.DemandFrom(c.roots, c.Listeners, keys)
}

// deriveListener returns the listener of the first root that defines it: the configuration, else the first object by name.
func (c *Compile) deriveListener(r *memo.Reader, k ir.ListenerKey) *ir.Listener {
	for _, root := range c.listenerRoots.Get(r, k) {
		for _, l := range c.roots.Get(r, root).Listeners {
			if l.Key == k {
				return &l
			}
		}
	}
	return nil
}

// addChains adds the table of the chains of roots.
func (c *Compile) addChains(e *memo.Engine) {
	keys := func(_ kobj.Key, r contrib.Root) []ir.ChainKey {
		var keys []ir.ChainKey
		for i := range r.Chains {
			keys = append(keys, r.Chains[i].Key)
		}
		return keys
	}
	c.chainRoots = memo.NewIndex(c.roots, "compile/roots by chain", kobj.Key.Compare, keys)
	c.Chains = memo.NewTable(e, memo.Options[ir.ChainKey, *ir.Chain]{
		Name: "compile/chain", Derive: c.deriveChain, Equal: equalValue[*ir.Chain],
	})
	memo.DemandFrom(c.roots, c.Chains, keys)
}

// deriveChain returns the chain of the first root that defines it.
func (c *Compile) deriveChain(r *memo.Reader, k ir.ChainKey) *ir.Chain {
	for _, root := range c.chainRoots.Get(r, k) {
		chains := c.roots.Get(r, root).Chains
		if i := slices.IndexFunc(chains, func(chain ir.Chain) bool { return chain.Key == k }); i >= 0 {
			return &chains[i]
		}
	}
	return nil
}

// deriveHost merges the contributions to the hostname, on any listener, of all roots that claim it and may be served.
func (c *Compile) deriveHost(r *memo.Reader, k ir.HostKey) Host {
	var claims []*contrib.Contribution
	for _, root := range c.admitted(r, k) {
		own := contributionsTo(c.roots.Get(r, root).Contributions, hostname(k))
		for i := range own {
			claims = append(claims, &own[i])
		}
	}
	claims, over := c.affordable(r, k, claims)
	host := merge(k, claims, over...)
	if host.VirtualHost != nil {
		host.VirtualHost.LogObjects = c.store.Settings.LogObjects.Get(r)
	}
	return host
}

// contributionsTo returns those of the sorted contributions that are to the hostname, on any listener.
func contributionsTo(all []contrib.Contribution, host ir.HostKey) []contrib.Contribution {
	from, _ := slices.BinarySearchFunc(all, host, func(c contrib.Contribution, host ir.HostKey) int {
		return hostname(c.Key).Compare(host)
	})
	to := from
	for to < len(all) && hostname(all[to].Key) == host {
		to++
	}
	return all[from:to]
}

// deriveObject collects the diagnostics of an object. Of other roots it reads only those that have diagnostics about it, and
// not more than a bound of them, so that an edit of one costs nothing for all others.
func (c *Compile) deriveObject(r *memo.Reader, k kobj.Key) Object {
	var all report.Report
	visited := len(c.visits.Get(r, k)) > 0
	if c.store.Claims(r, k) {
		v := c.roots.Get(r, k)
		visited = visited || v.Report.Considers(k)
		all.Add(v.Report.Of(k)...)
		all.Add(c.lostHosts(r, k)...)
	}
	for _, root := range slices.Concat(first(maxFaults, c.faults.Get(r, k)), first(maxMentions, c.mentions.Get(r, k))) {
		v := c.roots.Get(r, root)
		all.Add(v.Report.Of(k)...)
	}
	for _, h := range c.diagnosed.Get(r, k) {
		if v := c.hosts.Get(r, h); v.Report != nil {
			all.Add(v.Report.Of(k)...)
		}
	}
	all.Seal()
	return Object{Visited: visited, Diagnostics: all.Diagnostics}
}

// maxMentions is how many of the roots that mention an object without considering it are read for its diagnostics: anybody
// can mention it. maxFaults is how many of those that consider it: what is wrong with an object is mostly wrong for each.
const (
	maxMentions = 16
	maxFaults   = 64
)

// first is the list up to its first n items.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }

// hostname returns the key of a hostname on any listener of a group of the fleet. A key without hostname is unchanged.
func hostname(k ir.HostKey) ir.HostKey {
	if k.Hostname != "" {
		k.Listener.Name = k.Listener.Group()
	}
	return k
}

func equalValue[V any](a, b V) bool { return reflect.DeepEqual(a, b) }
