package gatewayapi

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/report"
)

// listenerSet is the verdict on a ListenerSet of a Gateway of this controller.
type listenerSet struct {
	gateway   kobj.Name
	created   time.Time
	problem   problem    // why it is not accepted
	listeners []listener // in the order of the object; none if the Gateway does not allow them
	report    report.Report
}

// keepLastListenerSet returns the last verdict on a set of which the derivation panics.
func keepLastListenerSet(n kobj.Name, last *listenerSet, _ bool, reason string) *listenerSet {
	out := listenerSet{problem: problem{report.InternalError, "The controller could not process the object (" + reason + ")."}}
	if last != nil {
		out = *last
	}
	out.report = faulty(kobj.Key{Kind: kobj.ListenerSet, Name: n}, out.report, faultMessage(reason))
	return &out
}

// allowed is the ListenerSets that a Gateway allows, by namespace. The zero value allows none.
type allowed struct {
	from     gatewayv1.FromNamespaces
	selector *metav1.LabelSelector // with from Selector
}

func (a allowed) any() bool { return a.from != "" && a.from != gatewayv1.NamespacesFromNone }

// allowedListeners returns the ListenerSets that a Gateway allows; none with a selector that is not valid.
func allowedListeners(g *gatewayv1.Gateway) (a allowed, valid bool) {
	spec := g.Spec.AllowedListeners
	if spec == nil || spec.Namespaces == nil || spec.Namespaces.From == nil {
		return allowed{}, true
	}
	a = allowed{from: *spec.Namespaces.From}
	if a.from == gatewayv1.NamespacesFromSelector {
		a.selector = spec.Namespaces.Selector
		if _, err := metav1.LabelSelectorAsSelector(a.selector); err != nil {
			return allowed{}, false
		}
	}
	return a, true
}

// setParent is what ListenerSets read of their Gateway: no edit of anything else of it concerns them.
type setParent struct {
	accepted bool
	allowed  allowed
	shown    shownCertificate
}

// deriveSetParent returns what ListenerSets read of a Gateway; nil if it is none of this controller.
func (x *Compiler) deriveSetParent(r *memo.Reader, n kobj.Name) *setParent {
	g := x.gateways.Get(r, n)
	if g == nil {
		return nil
	}
	return &setParent{accepted: !g.problem.is(), allowed: g.allowed, shown: g.shown}
}

// namespaceIn reports whether objects of a namespace are among those from namespaces, where Same is the namespace own.
func (x *Compiler) namespaceIn(r *memo.Reader, from gatewayv1.FromNamespaces, by *metav1.LabelSelector, own, namespace string) bool {
	switch from {
	case gatewayv1.NamespacesFromAll:
		return true
	case gatewayv1.NamespacesFromSame:
		return namespace == own
	case gatewayv1.NamespacesFromSelector:
		selector, err := metav1.LabelSelectorAsSelector(by)
		of, ok := x.env.Store.Namespaces.Get(r, kobj.Name{Name: namespace})
		return err == nil && ok && selector.Matches(labels.Set(of.Labels))
	case gatewayv1.NamespacesFromNone:
	}
	return false
}

// gatewayOf returns the Gateway of a set; false if its parentRef is to another kind.
func gatewayOf(s *gatewayv1.ListenerSet) (kobj.Name, bool) {
	to := &s.Spec.ParentRef
	n := kobj.Name{Namespace: s.Namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	return n, (to.Group == nil || *to.Group == gatewayv1.GroupName) && (to.Kind == nil || kobj.Kind(*to.Kind) == kobj.Gateway)
}

// addListenerSets adds the tables of ListenerSets.
func (x *Compiler) addListenerSets(e *memo.Engine) {
	x.precedence = newPrecedence()
	x.admissions = memo.NewInput[kobj.Name](e, "gatewayapi/decisions about ListenerSets", equal[[]admission])
	x.served = memo.NewInput[gatewayHost](e, "gatewayapi/hostnames of listeners", equal[[]string])
	x.secured = memo.NewInput[gatewayPort](e, "gatewayapi/ports with HTTPS", equal[struct{}])
	x.setPorts = memo.NewInput[kobj.Name](e, "gatewayapi/ports of ListenerSets", equal[[]provision.Port])
	x.setParents = memo.NewTable(e, memo.Options[kobj.Name, *setParent]{Name: "gatewayapi/parents of ListenerSets", Derive: x.deriveSetParent, Equal: equal[*setParent]})
	byNamespace := func(n kobj.Name) string { return n.Namespace }
	x.entries = memo.NewTable(e, memo.Options[kobj.Name, *listenerSet]{
		Name: "gatewayapi/listeners of ListenerSets", Derive: x.deriveEntries, Equal: equal[*listenerSet], OnPanic: keepLastListenerSet,
		// A Gateway can concern the sets of many namespaces.
		DeferBy: byNamespace,
	})
	x.listenerSets = memo.NewTable(e, memo.Options[kobj.Name, *listenerSet]{
		Name: "gatewayapi/ListenerSets", Derive: x.deriveListenerSet, Equal: equal[*listenerSet], OnPanic: keepLastListenerSet,
	})
	x.gateways.Watch()
	x.entries.Watch()
	memo.DemandFrom(x.env.Store.Gateways, x.gateways, ownName)
	memo.DemandFrom(x.env.Store.ListenerSets, x.entries, ownName)
	memo.DemandFrom(x.env.Store.ListenerSets, x.listenerSets, ownName)
	x.attachedSets = memo.NewIndex(x.listenerSets, "gatewayapi/ListenerSets by Gateway", kobj.Name.Compare, func(_ kobj.Name, s *listenerSet) []kobj.Name {
		if s == nil || s.problem.is() {
			return nil
		}
		return []kobj.Name{s.gateway}
	})
}

// deriveEntries returns the verdict on a set without what other listeners of the Gateway decide; nil if it does not exist, or its Gateway
// is none of this controller.
func (x *Compiler) deriveEntries(r *memo.Reader, n kobj.Name) *listenerSet {
	s, ok := x.env.Store.ListenerSets.Get(r, n)
	if !ok {
		return nil
	}
	gateway, ok := gatewayOf(s)
	if !ok {
		return nil
	}
	parent := x.setParents.Get(r, gateway)
	if parent == nil {
		return nil
	}
	b := x.listenersOf(r, kobj.Key{Kind: kobj.ListenerSet, Name: n}, gateway)
	b.report.Visit(b.key)
	out := &listenerSet{gateway: gateway, created: s.CreationTimestamp.UTC()}
	switch {
	case !x.namespaceIn(r, parent.allowed.from, parent.allowed.selector, gateway.Namespace, n.Namespace):
		out.problem = problem{report.NotAllowed, fmt.Sprintf("Gateway %q does not allow ListenerSets of namespace %q.", gateway, n.Namespace)}
	case !parent.accepted:
		out.problem = problem{report.ParentNotAccepted, fmt.Sprintf("Gateway %q is not accepted.", gateway)}
	case len(s.Spec.Listeners) > maxListeners:
		out.problem = problem{report.ListenersNotValid, fmt.Sprintf("The ListenerSet has %d listeners, more than %d.", len(s.Spec.Listeners), maxListeners)}
	default:
		for i := range s.Spec.Listeners {
			l := gatewayv1.Listener(s.Spec.Listeners[i])
			out.listeners = append(out.listeners, b.listener(&l))
		}
	}
	b.add(report.TypeAccepted, out.problem, "spec.parentRef")
	b.reportListeners(out.listeners)
	out.report = b.report.Finish(report.TypeAccepted)
	return out
}

// deriveListenerSet returns the verdict on a set.
func (x *Compiler) deriveListenerSet(r *memo.Reader, n kobj.Name) *listenerSet {
	of := x.entries.Get(r, n)
	if of == nil || of.problem.is() {
		return of
	}
	decisions, _ := x.admissions.Get(r, n)
	out := *of
	out.listeners = slices.Clone(of.listeners)
	var rep report.Report
	rep.Merge(of.report)
	key := kobj.Key{Kind: kobj.ListenerSet, Name: n}
	for i := range out.listeners {
		l := &out.listeners[i]
		if l.problem.is() {
			continue
		}
		why, about := conflictOf(claimOfListener(out.gateway, l), i, decisions), report.TypeConflicted
		if why.Reason == report.PortUnavailable {
			l.problem, about = why, report.TypeAccepted
		} else {
			l.conflict = why
		}
		if why.is() {
			rep.Add(report.Diagnostic{Object: key, Type: about, Reason: why.Reason, Message: why.Message, Field: at("spec.listeners", i)})
		}
	}
	if !slices.ContainsFunc(out.listeners, listener.served) {
		out.problem = problem{report.ListenersNotValid, "No listener is valid."}
		rep.Add(report.Diagnostic{Object: key, Type: report.TypeAccepted, Reason: out.problem.Reason, Message: out.problem.Message, Field: "spec.listeners"})
	}
	rep.Seal()
	out.report = rep
	return &out
}

// conflictOf returns why a listener of a set is in conflict. The message does not name the other one, which may be in another namespace.
func conflictOf(claim listenerClaim, index int, decisions []admission) problem {
	if index >= len(decisions) || decisions[index].claim != claim {
		return problem{report.HostnameConflict, "The controller has not compared the listener with others yet."}
	}
	switch why := decisions[index].conflict; {
	case why == report.PortUnavailable:
		return problem{why, fmt.Sprintf("ListenerSets that precede this one have %d other ports of the Gateway, as many as they can have; choose a port that the Gateway or another one of them has.", maxSetPorts)}
	case why == report.ProtocolConflict:
		return problem{why, fmt.Sprintf("Another listener of port %d, which precedes this one, has another protocol.", claim.port)}
	case why == report.HostnameConflict && claim.class != plainHTTP && claim.class != byServerName:
		return problem{why, fmt.Sprintf("Another listener, which precedes this one, has port %d and the same protocol.", claim.port)}
	case why == report.HostnameConflict:
		return problem{why, fmt.Sprintf("Another listener of port %d, which precedes this one, has the same hostname.", claim.port)}
	}
	return problem{}
}

// ListenerSetRoot returns what a set contributes to its Gateway: the same as if its listeners were those of the Gateway.
func (x *Compiler) ListenerSetRoot(r *memo.Reader, n kobj.Name) contrib.Root {
	s := x.listenerSets.Get(r, n)
	if s == nil {
		return contrib.Root{}
	}
	root := contrib.Root{Report: s.report, Created: s.created}
	at := x.placeOf(r, s.gateway)
	if len(x.bound(r, at)) == 0 {
		return root
	}
	c := x.contributor(r, kobj.Key{Kind: kobj.ListenerSet, Name: n}, at, s.created)
	for i := range s.listeners {
		c.add(&root, &s.listeners[i])
	}
	return root
}

// listenersOf returns the builder of the listeners of an object, of a Gateway or of one of its ListenerSets. What the Gateway refers to is
// not said to the others.
func (x *Compiler) listenersOf(r *memo.Reader, object kobj.Key, gateway kobj.Name) listenerBuilder {
	b := listenerBuilder{reader: r, env: x.env, key: object, dedicated: x.placeOf(r, gateway).dedicated()}
	b.clients = func(port gatewayv1.PortNumber) clientValidation {
		v := x.clients.Get(r, gatewayPort{gateway, port})
		if object.Kind == kobj.ListenerSet && v.problem.is() {
			v.problem = problem{report.NoValidCACertificate, "The Gateway has no valid CA certificate to validate clients of the port with."}
			v.unresolved = problem{}
		}
		return v
	}
	return b
}
