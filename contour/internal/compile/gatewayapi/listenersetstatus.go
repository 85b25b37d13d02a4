package gatewayapi

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// ListenerSetStatus returns the status of a ListenerSet; nil if its Gateway is none of this controller.
func (x *Compiler) ListenerSetStatus(r *memo.Reader, o metav1.Object, diagnostics []report.Diagnostic) any {
	name, generation := kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()}, o.GetGeneration()
	set := x.listenerSets.Get(r, name)
	if set == nil {
		return nil
	}
	s := &gatewayv1.ListenerSetStatus{}
	broken := fault(diagnostics)
	gateway := x.placeOf(r, set.gateway)
	at := parentState{object: kobj.Key{Kind: kobj.ListenerSet, Name: name}, place: gateway, problem: set.problem, assigned: len(x.bound(r, gateway)) > 0}
	if overBudget(diagnostics) {
		at.refused = broken.Message
	}
	var notProgrammed problem
	s.Listeners, notProgrammed = x.listenerStatuses(r, at, generation, set.listeners)
	notProgrammed = rejectedFirst(notProgrammed, diagnostics)
	switch {
	case set.problem.is():
		notProgrammed = set.problem
	case broken.is():
		notProgrammed = problem{report.Reason(gatewayv1.ListenerSetReasonInvalid), broken.Message}
	}
	accepted := condition(string(gatewayv1.ListenerSetConditionAccepted), generation, set.problem, string(gatewayv1.ListenerSetReasonAccepted), "The Gateway has the listeners of the ListenerSet.")
	if !set.problem.is() && slices.ContainsFunc(set.listeners, func(l listener) bool { return !l.accepted() }) {
		accepted.Reason, accepted.Message = string(gatewayv1.ListenerSetReasonListenersNotValid), "Some listeners are not valid; the Gateway has the others."
	}
	s.Conditions = []metav1.Condition{
		accepted,
		condition(string(gatewayv1.ListenerSetConditionProgrammed), generation, notProgrammed, string(gatewayv1.ListenerSetReasonProgrammed), "An Envoy serves the ListenerSet."),
	}
	return s
}
