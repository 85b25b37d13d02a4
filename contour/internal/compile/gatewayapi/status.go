package gatewayapi

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// GatewayStatus returns the status of a Gateway; nil if it is none of this controller.
func (x *Compiler) GatewayStatus(r *memo.Reader, o metav1.Object, diagnostics []report.Diagnostic) any {
	g := x.gateways.Get(r, kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()})
	if g == nil {
		return nil
	}
	name, generation := kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()}, o.GetGeneration()
	s := &gatewayv1.GatewayStatus{}
	addressType := gatewayv1.IPAddressType
	for _, a := range g.addresses.Usable { // also of one that is not accepted: it keeps them
		s.Addresses = append(s.Addresses, gatewayv1.GatewayStatusAddress{Type: &addressType, Value: a.String()})
	}
	hostnameType := gatewayv1.HostnameAddressType
	for _, h := range g.addresses.Hostnames {
		s.Addresses = append(s.Addresses, gatewayv1.GatewayStatusAddress{Type: &hostnameType, Value: h})
	}
	if g.allowed.any() {
		attached := int32(x.attachedSets.Len(r, name))
		s.AttachedListenerSets = &attached
	}
	broken := fault(diagnostics)
	at := parentState{object: kobj.Key{Kind: kobj.Gateway, Name: name}, place: g.place, problem: g.problem, assigned: g.dedicated() || !g.addresses.none()}
	if overBudget(diagnostics) {
		at.refused = broken.Message
	}
	entries, waiting := x.listenerStatuses(r, at, generation, g.listeners)
	for _, e := range entries {
		s.Listeners = append(s.Listeners, gatewayv1.ListenerStatus(e))
	}
	failure := ""
	if g.dedicated() {
		failure, _ = x.Failures.Get(r, name)
	}
	s.Conditions = g.conditions(generation, rejectedFirst(waiting, diagnostics), broken, failure)
	return s
}

// rejectedFirst returns why no listener of an object is programmed, with what Envoys reject, such as a certificate, instead of an answer
// that they owe. What they reject of an object with a listener that is programmed is no problem of the object: it may be of a route, whose
// status has it, and the listeners have their own.
func rejectedFirst(waiting problem, diagnostics []report.Diagnostic) problem {
	if p := rejection(diagnostics); p.is() && waiting.Reason == report.Reason(gatewayv1.ListenerReasonPending) {
		return problem{report.Reason(gatewayv1.ListenerReasonInvalid), p.Message}
	}
	return waiting
}

// parentState is what the statuses of the listeners of an object depend on, apart from themselves.
type parentState struct {
	object   kobj.Key
	place    place
	problem  problem // why the object is not accepted
	assigned bool    // the Gateway has an address, or Envoys of its own
	refused  string  // why the object is not served because of its budgets
}

// listenerStatuses returns the statuses of the listeners of a Gateway or ListenerSet, and why none of them is programmed, if so.
func (x *Compiler) listenerStatuses(r *memo.Reader, at parentState, generation int64, listeners []listener) (out []gatewayv1.ListenerEntryStatus, waiting problem) {
	programmed := false
	for i := range listeners {
		l := &listeners[i]
		p, served := x.notProgrammed(r, at, l)
		if !p.is() && at.refused != "" {
			p = problem{report.Reason(gatewayv1.ListenerReasonInvalid), at.refused}
		}
		if programmed = programmed || !p.is(); p.is() && !waiting.is() {
			waiting = p
		}
		if at.object.Kind == kobj.ListenerSet && l.conflict.is() {
			p = l.conflict // as the API demands of ListenerSets
		}
		out = append(out, gatewayv1.ListenerEntryStatus{
			Name: gatewayv1.SectionName(l.name), SupportedKinds: supportedKinds(l), Conditions: l.conditions(generation, p, served),
			AttachedRoutes: int32(x.attached.Len(r, listenerName{at.object, l.name})),
		})
	}
	if programmed {
		waiting = problem{}
	}
	return out, waiting
}

// fault returns the problem of an object that the controller could not process, or that exceeds its budgets.
func fault(diagnostics []report.Diagnostic) problem {
	return firstError(diagnostics, report.InternalError, report.BudgetExceeded)
}

// rejection returns what Envoys reject of an object.
func rejection(diagnostics []report.Diagnostic) problem {
	return firstError(diagnostics, report.RejectedByEnvoy)
}

func firstError(diagnostics []report.Diagnostic, reasons ...report.Reason) problem {
	for _, d := range diagnostics {
		if d.Severity == report.Error && slices.Contains(reasons, d.Reason) {
			return problem{report.UnsupportedValue, d.Message}
		}
	}
	return problem{}
}

// overBudget reports whether an object is not served because of its budgets.
func overBudget(diagnostics []report.Diagnostic) bool {
	return slices.ContainsFunc(diagnostics, func(d report.Diagnostic) bool { return d.Severity == report.Error && d.Reason == report.BudgetExceeded })
}

// lostHosts returns why a route is not served: other namespaces own all hosts that it contributes to.
func (of *route) lostHosts(diagnostics []report.Diagnostic) problem {
	lost := slices.DeleteFunc(slices.Clone(diagnostics), func(d report.Diagnostic) bool { return d.Reason != report.DuplicateVhost || d.Severity != report.Error })
	hosts := map[ir.HostKey]bool{}
	for i := range of.contributions {
		k := of.contributions[i].Key
		k.Listener.Name = k.Listener.Group()
		hosts[k] = true
	}
	if len(lost) == 0 || len(lost) < len(hosts) {
		return problem{}
	}
	return problem{report.NotAllowedByListeners, lost[0].Message}
}

// conditions returns the conditions of a Gateway. waiting is why none of its listeners is programmed, and failure why its fleet could not be
// provisioned; "" if it could.
func (g *gateway) conditions(generation int64, waiting, fault problem, failure string) []metav1.Condition {
	accepted := condition(string(gatewayv1.GatewayConditionAccepted), generation, g.problem, string(gatewayv1.GatewayReasonAccepted), "The Gateway is served.")
	invalid := func(l listener) bool { return !l.accepted() }
	if !g.problem.is() && slices.ContainsFunc(g.listeners, invalid) {
		accepted.Reason, accepted.Message = string(gatewayv1.GatewayReasonListenersNotValid), "Some listeners are not valid; the others are served."
	}
	if !g.problem.is() && g.unused != "" {
		accepted.Message += " " + g.unused
	}
	programmed := problem{}
	switch {
	case g.problem.is():
		programmed = problem{report.Reason(gatewayv1.GatewayReasonInvalid), "The Gateway is not accepted."}
	case fault.is():
		programmed = problem{report.Reason(gatewayv1.GatewayReasonInvalid), fault.Message}
	case failure != "":
		programmed = problem{report.Reason(gatewayv1.GatewayReasonNoResources), failure}
	case len(g.addresses.Unusable) > 0:
		programmed = g.notUsable(g.addresses.Unusable[0])
	case g.addresses.none():
		programmed = g.noAddress()
	case waiting.is():
		programmed = waiting
	}
	unresolved := g.notShown
	for i := range g.listeners {
		if l := &g.listeners[i]; l.unresolved.is() && !unresolved.is() {
			unresolved = problem{report.Reason(gatewayv1.GatewayReasonListenersNotResolved), fmt.Sprintf("Listener %q: %s", l.name, l.unresolved.Message)}
		}
	}
	out := []metav1.Condition{
		accepted,
		condition(string(gatewayv1.GatewayConditionProgrammed), generation, programmed, string(gatewayv1.GatewayReasonProgrammed), "An Envoy serves the Gateway."),
		condition(string(gatewayv1.GatewayConditionResolvedRefs), generation, unresolved, string(gatewayv1.GatewayReasonResolvedRefs), "All references are resolved."),
	}
	if g.insecureFallback() {
		out = append(out, metav1.Condition{
			Type: string(gatewayv1.GatewayConditionInsecureFrontendValidationMode), Status: metav1.ConditionTrue, ObservedGeneration: generation,
			Reason: string(gatewayv1.GatewayReasonConfigurationChanged), Message: "Some listeners serve clients without a valid certificate (AllowInsecureFallback).",
		})
	}
	return out
}

// servedHere and servedByOthers are the messages of a listener that is programmed.
const (
	servedHere     = "An Envoy serves the listener."
	servedByOthers = "Envoys that are ready are connected to another replica of the controller, which reports what they reject."
)

// notProgrammed returns why a listener is not programmed: the Envoys of its fleet have not accepted it, or reject it; and else the message.
func (x *Compiler) notProgrammed(r *memo.Reader, at parentState, l *listener) (p problem, message string) {
	invalid := func(message string) (problem, string) {
		return problem{report.Reason(gatewayv1.ListenerReasonInvalid), message}, ""
	}
	switch {
	case at.problem.is():
		return invalid(fmt.Sprintf("The %s is not accepted.", at.object.Kind))
	case !l.accepted():
		return invalid("The listener is not accepted.")
	case l.secure && !l.passthrough && len(l.certificates) == 0:
		return invalid("The listener has no certificate that can be served; its connections are closed.")
	case !at.assigned:
		return invalid("The Gateway has no address.")
	}
	state, _ := x.States.Get(r, l.socket(at.place))
	_, accepted := slices.BinarySearch(state.Chains, l.chain())
	switch {
	case state.Rejected != "":
		return invalid(state.Rejected)
	case state.RejectedChains[l.chain()] != "":
		return invalid(state.RejectedChains[l.chain()])
	case !state.Accepted || l.secure && !accepted || !forwards(l.protocol) && !state.Routed:
		if state.Unwatched && x.servedElsewhere(r, at.place) {
			return problem{}, servedByOthers
		}
		return problem{report.Reason(gatewayv1.ListenerReasonPending), "No Envoy has accepted the listener yet."}, ""
	}
	return problem{}, servedHere
}

// conditions returns the conditions of a listener.
func (l *listener) conditions(generation int64, notProgrammed problem, served string) []metav1.Condition {
	accepted := l.problem
	if !accepted.is() {
		accepted = l.conflict
	}
	conflicted := metav1.Condition{
		Type: string(gatewayv1.ListenerConditionConflicted), Status: metav1.ConditionFalse, ObservedGeneration: generation,
		Reason: string(gatewayv1.ListenerReasonNoConflicts), Message: "No other listener excludes this one.",
	}
	if l.conflict.is() {
		conflicted.Status, conflicted.Reason, conflicted.Message = metav1.ConditionTrue, string(l.conflict.Reason), l.conflict.Message
	}
	return []metav1.Condition{
		condition(string(gatewayv1.ListenerConditionAccepted), generation, accepted, string(gatewayv1.ListenerReasonAccepted), "The listener is valid."),
		condition(string(gatewayv1.ListenerConditionProgrammed), generation, notProgrammed, string(gatewayv1.ListenerReasonProgrammed), served),
		condition(string(gatewayv1.ListenerConditionResolvedRefs), generation, l.unresolved, string(gatewayv1.ListenerReasonResolvedRefs), "All references are resolved."),
		conflicted,
	}
}

// supportedKinds returns the kinds of routes that can be attached to a listener; never nil, which the API server would leave out.
func supportedKinds(l *listener) []gatewayv1.RouteGroupKind {
	group := gatewayv1.Group(gatewayv1.GroupName)
	kinds := []gatewayv1.RouteGroupKind{}
	for _, k := range l.kinds {
		kinds = append(kinds, gatewayv1.RouteGroupKind{Group: &group, Kind: gatewayv1.Kind(k)})
	}
	return kinds
}

// RouteStatus returns the status of a route of that kind: an entry for each parentRef to a Gateway of this controller.
func (x *Compiler) RouteStatus(r *memo.Reader, k kobj.Key, generation int64, diagnostics []report.Diagnostic) any {
	out := &kind.RouteParents{Controller: gatewayv1.GatewayController(x.env.Store.Settings.Gateways.Get(r).ControllerName)}
	of := x.verdicts.Get(r, k)
	broken := firstError(diagnostics, report.InternalError, report.BudgetExceeded, report.RejectedByEnvoy)
	if !broken.is() {
		broken = of.lostHosts(diagnostics)
	}
	for i := range of.parents {
		p := &of.parents[i]
		notAccepted := p.problem
		if !notAccepted.is() {
			notAccepted = broken
		}
		conditions := []metav1.Condition{
			condition(string(gatewayv1.RouteConditionAccepted), generation, notAccepted, string(gatewayv1.RouteReasonAccepted), acceptedMessage(diagnostics)),
			condition(string(gatewayv1.RouteConditionResolvedRefs), generation, of.unresolved, string(gatewayv1.RouteReasonResolvedRefs), "All references are resolved."),
		}
		if of.partly.is() {
			conditions = append(conditions, metav1.Condition{
				Type: string(gatewayv1.RouteConditionPartiallyInvalid), Status: metav1.ConditionTrue, ObservedGeneration: generation,
				Reason: string(of.partly.Reason), Message: of.partly.Message,
			})
		}
		out.Parents = append(out.Parents, gatewayv1.RouteParentStatus{
			ParentRef: p.ref, ControllerName: out.Controller, Conditions: conditions,
		})
	}
	return out
}

// acceptedMessage returns the message of an accepted route, with the first warning.
func acceptedMessage(diagnostics []report.Diagnostic) string {
	for _, d := range diagnostics {
		if d.Severity == report.Warning || d.Reason == report.DuplicateVhost {
			return "The route is accepted. " + d.Message
		}
	}
	return "The route is accepted."
}
