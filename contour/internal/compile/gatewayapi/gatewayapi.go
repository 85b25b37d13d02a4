// Package gatewayapi compiles the Gateway API: Gateways to listeners, and their routes of all kinds to contributions to hosts.
//
// The input is objects, read through the Reader: classes, Gateways, ListenerSets, routes, ReferenceGrants, labels of namespaces, and the
// Services and Secrets that they refer to. The output is, for a Gateway, a listener for each of its ports and a host for each
// hostname of its listeners; for a route, its routes on each host that it is attached to; and the statuses of both.
//
// The tables lead from classes, Gateways and their ListenerSets to parents, which is all that routes read of them; from routes to attachments,
// which is where a route is attached if no older route of the other kind is there; from these to routes, with what they contribute
// there; and from these to verdicts, which are without the listeners where an older one is (ResolveRivals). Which listeners of ListenerSets are accepted is decided
// between runs, too (ResolvePrecedence).
//
// The package must not merge the routes of several objects.
package gatewayapi

import (
	"cmp"
	"reflect"
	"time"

	"contour.example/contour/internal/compile/authorization"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Env contains the inputs of the derivations of this package.
type Env struct {
	Store       *store.Store
	Ref         *ref.Resolver
	Expressions *validate.Expressions

	Authorization *authorization.Resolver
	RateLimits    *ratelimit.Resolver
}

// Compiler contains the tables of this package.
type Compiler struct {
	env     Env
	refused func(*memo.Reader, kobj.Key) bool // see New

	classParameters *memo.Table[kobj.Name, classParameters]
	classes         *memo.Table[kobj.Name, class]

	claims   *memo.Table[kobj.Name, claim]      // of Gateways, on addresses
	assigned *memo.Input[kobj.Name, Assignment] // see AssignAddresses
	pool     *pool                              // nil before the first assignment
	gateways *memo.Table[kobj.Name, *gateway]
	clients  *memo.Table[gatewayPort, clientValidation]
	parents  *memo.Table[kobj.Key, *parent] // Gateways and ListenerSets

	setParents   *memo.Table[kobj.Name, *setParent]   // by Gateway
	entries      *memo.Table[kobj.Name, *listenerSet] // without the decisions of precedence
	listenerSets *memo.Table[kobj.Name, *listenerSet]
	attachedSets *memo.Index[kobj.Name, kobj.Name] // by Gateway: the ListenerSets that are accepted
	precedence   *precedence
	admissions   *memo.Input[kobj.Name, []admission]      // see ResolvePrecedence
	served       *memo.Input[gatewayHost, []string]       // the hostnames of accepted listeners of Gateways that allow ListenerSets, sorted
	setPorts     *memo.Input[kobj.Name, []provision.Port] // by Gateway: those of accepted listeners of ListenerSets, sorted
	secured      *memo.Input[gatewayPort, struct{}]       // those of the ports with an accepted HTTPS listener

	attachments *memo.Table[kobj.Key, attachment]
	routes      *memo.Table[kobj.Key, route]
	rivals      *rivals
	lost        *memo.Input[kobj.Key, []listenerName] // see ResolveRivals
	verdicts    *memo.Table[kobj.Key, route]          // routes, without the listeners that are lost
	attached    *memo.Index[listenerName, kobj.Key]   // by listener: the routes that it accepts

	policies         *memo.Table[kobj.Name, *backendPolicy]
	attachedPolicies *attachedPolicies
	prevailing       *memo.Input[policyTarget, kobj.Name] // see attachPolicies
	claimed          *memo.Input[policyClaim, struct{}]   // those that prevail
	ways             *memo.Input[kobj.Name, []kobj.Name]  // by Service: the Gateways through which requests reach it

	readyPods *memo.Table[kobj.Name, bool] // of fleets, see deriveReadyPods
	// Fleets contains what is to exist of the fleet of each Gateway.
	Fleets *memo.Table[kobj.Name, Provisioned]
	// Failures contains why the fleet of a Gateway could not be provisioned.
	Failures *memo.Input[kobj.Name, string]

	// States contains what Envoys have of listeners, by socket.
	States *memo.Input[ir.ListenerKey, State]
}

// listenerName is a listener of a Gateway or of a ListenerSet.
type listenerName struct {
	parent  kobj.Key
	section string
}

func (n listenerName) compare(o listenerName) int {
	return cmp.Or(n.parent.Compare(o.parent), cmp.Compare(n.section, o.section))
}

// State is what the Envoys of the fleet of a socket have of it: of the listeners that share it.
type State struct {
	Accepted bool     // an Envoy has accepted the listener
	Routed   bool     // an Envoy has accepted its first route table, which listeners for HTTP and HTTPS have
	Chains   []string // the chains that an Envoy has accepted, sorted
	// Unwatched: no Envoy of the fleet is connected to this replica of the controller, which does not know what they accept.
	Unwatched bool
	// Rejected is why Envoys reject the listener, "" if they do not; RejectedChains that of chains.
	Rejected       string
	RejectedChains map[string]string
}

// New adds the tables to the engine of the store. They follow the kinds of the Gateway API. refused reports whether an object is not served
// because of the budgets of its namespace.
func New(e *memo.Engine, env Env, refused func(*memo.Reader, kobj.Key) bool) *Compiler {
	x := &Compiler{env: env, refused: refused}
	x.assigned = memo.NewInput[kobj.Name](e, "gatewayapi/assigned addresses", equal[Assignment])
	x.States = memo.NewInput[ir.ListenerKey](e, "gatewayapi/listener states", equal[State])
	x.classParameters = memo.NewTable(e, memo.Options[kobj.Name, classParameters]{
		Name: "gatewayapi/class parameters", Derive: x.deriveClassParameters, Equal: equal[classParameters],
	})
	x.classes = memo.NewTable(e, memo.Options[kobj.Name, class]{Name: "gatewayapi/classes", Derive: x.deriveClass, Equal: equal[class]})
	x.claims = memo.NewTable(e, memo.Options[kobj.Name, claim]{Name: "gatewayapi/address claims", Derive: x.deriveClaim, Equal: equal[claim]})
	x.claims.Watch()
	x.clients = memo.NewTable(e, memo.Options[gatewayPort, clientValidation]{Name: "gatewayapi/clients of ports", Derive: x.deriveClients, Equal: equal[clientValidation]})
	x.gateways = memo.NewTable(e, memo.Options[kobj.Name, *gateway]{
		Name: "gatewayapi/gateways", Derive: x.deriveGateway, Equal: equal[*gateway], OnPanic: keepLastGateway,
	})
	x.addListenerSets(e)
	x.Failures = memo.NewInput[kobj.Name](e, "gatewayapi/provisioning failures", func(a, b string) bool { return a == b })
	x.Fleets = memo.NewTable(e, memo.Options[kobj.Name, Provisioned]{Name: "gatewayapi/fleets", Derive: x.deriveFleet, Equal: equal[Provisioned]})
	x.Fleets.Watch()
	x.readyPods = memo.NewTable(e, memo.Options[kobj.Name, bool]{Name: "gatewayapi/ready pods", Derive: x.deriveReadyPods, Equal: equal[bool]})
	x.parents = memo.NewTable(e, memo.Options[kobj.Key, *parent]{Name: "gatewayapi/parents", Derive: x.deriveParent, Equal: equal[*parent]})
	x.addPolicies(e)
	x.attachments = memo.NewTable(e, memo.Options[kobj.Key, attachment]{
		Name: "gatewayapi/attachments", Derive: x.deriveAttachment, Equal: equal[attachment], OnPanic: keepLastAttachment,
		DeferBy: func(k kobj.Key) string { return k.Namespace },
	})
	x.lost = memo.NewInput[kobj.Key](e, "gatewayapi/lost listeners", equal[[]listenerName])
	x.rivals = newRivals()
	x.routes = memo.NewTable(e, memo.Options[kobj.Key, route]{
		Name: "gatewayapi/routes", Derive: x.deriveRoute, Equal: equal[route], OnPanic: keepLastRoute,
		// A Service or a ReferenceGrant can concern all routes of a namespace.
		DeferBy: func(k kobj.Key) string { return k.Namespace },
	})
	x.routes.Watch()
	x.verdicts = memo.NewTable(e, memo.Options[kobj.Key, route]{Name: "gatewayapi/verdicts", Derive: x.deriveVerdict, Equal: equal[route]})
	x.attached = memo.NewIndex(x.verdicts, "gatewayapi/routes by listener", kobj.Key.Compare, acceptedBy)
	memo.Follow(x.verdicts, waysOf, x.attachedPolicies.count)
	memo.DemandFrom(env.Store.Gateways, x.claims, ownName)
	memo.DemandFrom(env.Store.Gateways, x.Fleets, ownName)
	for _, k := range []kobj.Kind{kobj.HTTPRoute, kobj.GRPCRoute, kobj.TLSRoute, kobj.TCPRoute, kobj.UDPRoute} {
		store.DemandRoots(env.Store, x.attachments, k)
		store.DemandRoots(env.Store, x.routes, k)
		store.DemandRoots(env.Store, x.verdicts, k)
	}
	return x
}

func ownName[V any](n kobj.Name, _ V) []kobj.Name { return []kobj.Name{n} }

func equal[V any](a, b V) bool { return reflect.DeepEqual(a, b) }

// RouteRoot returns the contributions of a route. They and their routes are part of a verdict, and must not be changed.
func (x *Compiler) RouteRoot(r *memo.Reader, k kobj.Key) contrib.Root {
	of := x.verdicts.Get(r, k)
	root := contrib.Root{Report: of.report}
	for i := range of.contributions {
		root.Contributions = append(root.Contributions, of.contributions[i].Contribution)
	}
	return root
}

// faulty returns a report on an object that the controller could not process.
func faulty(k kobj.Key, last report.Report, message string) report.Report {
	var rep report.Report
	rep.Merge(last)
	rep.Visit(k)
	rep.Add(report.Diagnostic{Object: k, Type: report.TypeEnvoy, Reason: report.InternalError, Message: message})
	rep.Seal()
	return rep
}

func faultMessage(reason string) string {
	return "The controller could not process the object (" + reason + "); its last valid configuration is still served."
}

// age orders routes: the oldest one first, then by name.
type age struct {
	created time.Time
	key     kobj.Key
}

// before reports whether a exists and comes before b.
func (a age) before(b age) bool {
	if a.key == (kobj.Key{}) {
		return false
	}
	if c := a.created.Compare(b.created); c != 0 {
		return c < 0
	}
	if c := a.key.Name.Compare(b.key.Name); c != 0 {
		return c < 0
	}
	return a.key.Kind < b.key.Kind
}

// problem is why something is not so: the reason and the message of a condition. The zero value is that there is none.
type problem struct {
	Reason  report.Reason
	Message string
}

func (p problem) is() bool { return p.Reason != "" }
