package gatewayapi

import (
	"fmt"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/report"
)

// classParameters is what the parametersRef of a class refers to.
type classParameters struct {
	problem    problem // why it cannot be used
	parameters provision.Parameters
	// unused is why a part of the parameters has no effect, "" if all of them have one.
	unused string
}

// deriveClassParameters returns the parameters of a class; zero if it refers to none.
func (x *Compiler) deriveClassParameters(r *memo.Reader, n kobj.Name) classParameters {
	class, ok := x.env.Store.GatewayClasses.Get(r, n)
	if !ok || class.Spec.ParametersRef == nil {
		return classParameters{}
	}
	to := class.Spec.ParametersRef
	if !isDeployment(to.Group, to.Kind) || to.Namespace == nil {
		return classParameters{problem: problem{report.InvalidParameters, "The parametersRef is not to a ContourDeployment of " + contourv1.GroupName + ", with its namespace."}}
	}
	return x.parametersOf(r, kobj.Name{Namespace: string(*to.Namespace), Name: to.Name}, false)
}

// gatewayParameters returns the parameters of a Gateway itself, in its own namespace; zero if it refers to none.
func (x *Compiler) gatewayParameters(r *memo.Reader, g *gatewayv1.Gateway) classParameters {
	if g.Spec.Infrastructure == nil || g.Spec.Infrastructure.ParametersRef == nil {
		return classParameters{}
	}
	to := g.Spec.Infrastructure.ParametersRef
	if !isDeployment(to.Group, to.Kind) {
		return classParameters{problem: problem{report.InvalidParameters, "The parametersRef is not to a ContourDeployment of " + contourv1.GroupName + "."}}
	}
	return x.parametersOf(r, kobj.Name{Namespace: g.Namespace, Name: to.Name}, true)
}

func isDeployment(group gatewayv1.Group, of gatewayv1.Kind) bool {
	return group == contourv1.GroupName && kobj.Kind(of) == kobj.ContourDeployment
}

// parametersOf returns the parameters in a ContourDeployment.
func (x *Compiler) parametersOf(r *memo.Reader, n kobj.Name, ofGateway bool) classParameters {
	d, ok := x.env.Store.ContourDeployments.Get(r, n)
	if !ok {
		return classParameters{problem: problem{report.InvalidParameters, fmt.Sprintf("ContourDeployment %s does not exist.", report.Quote(n.String()))}}
	}
	if p := provision.Problem(d, ofGateway); p != "" {
		return classParameters{problem: problem{report.InvalidParameters, fmt.Sprintf("ContourDeployment %s cannot be used: %s", report.Quote(n.String()), p)}}
	}
	out := classParameters{parameters: provision.ParametersOf(d)}
	switch {
	case !x.env.Store.Settings.Gateways.Get(r).Provision:
		out.unused = "The parameters have no effect, since the controller does not provision Envoys."
	case d.Spec.Contour != nil || d.Spec.RuntimeSettings != nil:
		out.unused = "The parameters spec.contour and spec.runtimeSettings have no effect: one controller serves all Gateways, with its own configuration."
	}
	return out
}

// parametersReference returns the reference of a Gateway to its parameters.
func parametersReference(from kobj.Key, g *gatewayv1.Gateway) []kind.Reference {
	if g.Spec.Infrastructure == nil || g.Spec.Infrastructure.ParametersRef == nil {
		return nil
	}
	to := g.Spec.Infrastructure.ParametersRef
	if !isDeployment(to.Group, to.Kind) {
		return nil
	}
	return []kind.Reference{{From: from, To: kobj.Of(kobj.ContourDeployment, g.Namespace, to.Name)}}
}
