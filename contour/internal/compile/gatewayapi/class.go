package gatewayapi

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// classProblem returns why Gateways of a class are not served; ours is false if the class is none of this controller.
func (x *Compiler) classProblem(r *memo.Reader, class *gatewayv1.GatewayClass) (p problem, ours bool) {
	if string(class.Spec.ControllerName) != x.env.Store.Settings.Gateways.Get(r).ControllerName {
		return problem{}, false
	}
	if class.Spec.ParametersRef != nil {
		return problem{report.InvalidParameters, "Parameters of a GatewayClass are not supported."}, true
	}
	return problem{}, true
}

// serves reports whether a Gateway is of a class of this controller that is accepted.
func (x *Compiler) serves(r *memo.Reader, g *gatewayv1.Gateway) bool {
	class, ok := x.env.Store.GatewayClasses.Get(r, kobj.Name{Name: string(g.Spec.GatewayClassName)})
	if !ok {
		return false
	}
	p, ours := x.classProblem(r, class)
	return ours && !p.is()
}

// ClassStatus returns the status of a GatewayClass; nil if it is none of this controller.
func (x *Compiler) ClassStatus(r *memo.Reader, o metav1.Object) any {
	class, ok := o.(*gatewayv1.GatewayClass)
	if !ok {
		return nil
	}
	p, ours := x.classProblem(r, class)
	if !ours {
		return nil
	}
	s := &gatewayv1.GatewayClassStatus{Conditions: []metav1.Condition{
		condition(string(gatewayv1.GatewayClassConditionStatusAccepted), class.Generation, p, string(gatewayv1.GatewayClassReasonAccepted), "The controller serves Gateways of the class."),
	}}
	for _, f := range Features() {
		s.SupportedFeatures = append(s.SupportedFeatures, gatewayv1.SupportedFeature{Name: gatewayv1.FeatureName(f)})
	}
	return s
}

// condition returns a condition of one type: false with the problem, else true with this reason and message.
func condition(conditionType string, generation int64, p problem, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, ObservedGeneration: generation, Reason: reason, Message: message}
	if p.is() {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(p.Reason), p.Message
	}
	return c
}
