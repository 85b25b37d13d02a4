package gatewayapi

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// PolicyStatus returns the status of a BackendTLSPolicy: an entry for each Gateway of this controller through which requests reach one
// of its targets.
func (x *Compiler) PolicyStatus(r *memo.Reader, o metav1.Object, diagnostics []report.Diagnostic) any {
	out := &kind.PolicyAncestors{Controller: gatewayv1.GatewayController(x.env.Store.Settings.Gateways.Get(r).ControllerName)}
	n := kobj.Name{Namespace: o.GetNamespace(), Name: o.GetName()}
	p := x.policies.Get(r, n)
	if p == nil {
		return out
	}
	targets := map[kobj.Name][]policyTarget{} // by Gateway
	var gateways []kobj.Name
	for _, t := range p.targets {
		through, _ := x.ways.Get(r, t.service)
		for _, g := range through {
			if targets[g] == nil {
				gateways = append(gateways, g)
			}
			targets[g] = append(targets[g], t)
		}
	}
	slices.SortFunc(gateways, kobj.Name.Compare)
	for _, g := range gateways[:min(len(gateways), maxAncestors)] {
		notAccepted := fault(diagnostics)
		if !notAccepted.is() {
			notAccepted = x.notAttached(r, n, p, targets[g])
		}
		if !notAccepted.is() {
			notAccepted = p.problem
		}
		out.Ancestors = append(out.Ancestors, gatewayv1.PolicyAncestorStatus{
			AncestorRef: ancestor(g), ControllerName: out.Controller,
			Conditions: []metav1.Condition{
				condition(string(gatewayv1.PolicyConditionAccepted), o.GetGeneration(), notAccepted, string(gatewayv1.PolicyReasonAccepted), "The policy applies to its targets."),
				condition(string(gatewayv1.BackendTLSPolicyConditionResolvedRefs), o.GetGeneration(), p.unresolved, string(gatewayv1.BackendTLSPolicyReasonResolvedRefs), "All references are resolved."),
			},
		})
	}
	return out
}

// notAttached returns why a policy applies to none of the targets.
func (x *Compiler) notAttached(r *memo.Reader, n kobj.Name, p *backendPolicy, targets []policyTarget) (why problem) {
	for _, t := range targets {
		switch {
		case slices.Contains(p.missing, t):
			why = problem{report.TargetNotFound, t.String() + " does not exist."}
		case !x.prevails(r, n, t):
			why = conflicted(t)
		default:
			return problem{}
		}
	}
	return why
}

func ancestor(gateway kobj.Name) gatewayv1.ParentReference {
	group, k, namespace := gatewayv1.Group(gatewayv1.GroupName), gatewayv1.Kind(kobj.Gateway), gatewayv1.Namespace(gateway.Namespace)
	return gatewayv1.ParentReference{Group: &group, Kind: &k, Namespace: &namespace, Name: gatewayv1.ObjectName(gateway.Name)}
}
