package gatewayapi

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// class is the verdict on a GatewayClass.
type class struct {
	ours    bool    // it is one of this controller
	problem problem // why its Gateways are not served
	unused  string  // why a part of its parameters has no effect
}

// deriveClass returns the verdict on a class; zero if it does not exist, or is none of this controller.
func (x *Compiler) deriveClass(r *memo.Reader, n kobj.Name) class {
	of, ok := x.env.Store.GatewayClasses.Get(r, n)
	if x.env.Store.Settings.Gateways.Get(r).Only != (kobj.Name{}) {
		return class{} // as in Contour, nothing depends on classes
	}
	if !ok || string(of.Spec.ControllerName) != x.env.Store.Settings.Gateways.Get(r).ControllerName {
		return class{}
	}
	p := x.classParameters.Get(r, n)
	return class{ours: true, problem: p.problem, unused: p.unused}
}

// classOf returns the verdict on the class of a Gateway.
func (x *Compiler) classOf(r *memo.Reader, g *gatewayv1.Gateway) class {
	return x.classes.Get(r, kobj.Name{Name: string(g.Spec.GatewayClassName)})
}

// serves reports whether a Gateway is of a class of this controller that is accepted, or the only one to serve.
func (x *Compiler) serves(r *memo.Reader, g *gatewayv1.Gateway) bool {
	if only := x.env.Store.Settings.Gateways.Get(r).Only; only != (kobj.Name{}) {
		return only == kobj.Name{Namespace: g.Namespace, Name: g.Name}
	}
	c := x.classOf(r, g)
	return c.ours && !c.problem.is()
}

// ClassStatus returns the status of a GatewayClass; nil if it is none of this controller.
func (x *Compiler) ClassStatus(r *memo.Reader, o metav1.Object) any {
	c := x.classes.Get(r, kobj.Name{Name: o.GetName()})
	if !c.ours {
		return nil
	}
	message := "The controller serves Gateways of the class."
	if c.unused != "" {
		message += " " + c.unused
	}
	s := &gatewayv1.GatewayClassStatus{Conditions: []metav1.Condition{
		condition(string(gatewayv1.GatewayClassConditionStatusAccepted), o.GetGeneration(), c.problem, string(gatewayv1.GatewayClassReasonAccepted), message),
	}}
	for _, f := range x.features(r) {
		s.SupportedFeatures = append(s.SupportedFeatures, gatewayv1.SupportedFeature{Name: gatewayv1.FeatureName(f)})
	}
	return s
}

// features returns the names of the features that can be used: those of kinds that are served.
func (x *Compiler) features(r *memo.Reader) []string {
	features := slices.DeleteFunc(Features(), func(f string) bool {
		version, known := x.env.Store.Served.Get(r, kindOf(f))
		return known && version == ""
	})
	if x.provisions(r) { // only the objects of a fleet have the labels and annotations of infrastructure
		features = append(features, "GatewayInfrastructure")
		slices.Sort(features)
	}
	return features
}

// condition returns a condition of one type: false with the problem, else true with this reason and message.
func condition(conditionType string, generation int64, p problem, reason, message string) metav1.Condition {
	c := metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, ObservedGeneration: generation, Reason: reason, Message: message}
	if p.is() {
		c.Status, c.Reason, c.Message = metav1.ConditionFalse, string(p.Reason), p.Message
	}
	return c
}
