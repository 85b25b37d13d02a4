// Package authorization converts the specification of an external authorization, of a virtual host or of the configuration,
// to the model.
//
// The input is the specification and, through the Reader, the ExtensionService that it names. The output is the service to
// ask, or the problems because of which it cannot be asked; the caller reports them, and does not serve without it.
package authorization

import (
	"cmp"
	"fmt"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Problem is an error in a specification.
type Problem struct {
	Reason  report.Reason
	Field   string // below the specification
	Message string // a sentence
}

// Global is the authorization of the configuration.
type Global struct {
	Set      bool
	Policies *ir.Policies // those of a host without its own; nil if it is not set
	Problems []Problem    // why it cannot be asked
}

// Resolver converts specifications.
type Resolver struct {
	extensions *extension.Table
	global     *memo.Table[struct{}, Global]
}

// New adds the table of the global authorization to the engine.
func New(e *memo.Engine, s *store.Store, extensions *extension.Table) *Resolver {
	x := &Resolver{extensions: extensions}
	x.global = memo.NewTable(e, memo.Options[struct{}, Global]{
		Name: "authorization/global", Equal: Global.equal,
		Derive: func(r *memo.Reader, _ struct{}) Global {
			return x.deriveGlobal(r, s.Settings.Authorization.Get(r).Server)
		},
	})
	return x
}

// Global returns the authorization of the configuration.
func (x *Resolver) Global(r *memo.Reader) Global { return x.global.Get(r, struct{}{}) }

func (x *Resolver) deriveGlobal(r *memo.Reader, spec *contourv1.AuthorizationServer) Global {
	if spec == nil {
		return Global{}
	}
	section := &ir.Authorization{Mode: Mode(spec.AuthPolicy)}
	var problems []Problem
	if section.Service, problems = x.Service(r, spec, ""); len(problems) > 0 {
		section.Service, section.Invalid = nil, true
	} else if spec.AuthPolicy != nil {
		section.Context = ir.NewContext(spec.AuthPolicy.Context)
	}
	return Global{Set: true, Policies: &ir.Policies{Authorization: section}, Problems: problems}
}

// Mode returns the mode of a policy, which may be nil.
func Mode(p *contourv1.AuthorizationPolicy) ir.AuthorizationMode {
	switch {
	case p == nil || p.Disabled == nil:
		return ir.AuthorizeAsHost
	case *p.Disabled:
		return ir.AuthorizeNever
	}
	return ir.AuthorizeAlways
}

// Service returns the service that spec describes, for an object in the namespace, or the problems because of which it
// cannot be asked.
func (x *Resolver) Service(r *memo.Reader, spec *contourv1.AuthorizationServer, namespace string) (*ir.AuthorizationService, []Problem) {
	out, problems := Settings(spec)
	add := func(p Problem) { problems = append(problems, p) }
	to := kobj.Name{Namespace: cmp.Or(spec.ExtensionServiceRef.Namespace, namespace), Name: spec.ExtensionServiceRef.Name}
	switch extension := x.extensions.Get(r, to); {
	case !extension.Usable:
		add(Problem{report.ExtensionServiceNotFound, "extensionRef", fmt.Sprintf("ExtensionService %s does not exist, or has errors.", report.Quote(to.String()))})
	case out.HTTP == nil && extension.Cluster.Protocol == ir.ProtocolHTTP1:
		add(Problem{report.ExtensionServiceNotFound, "extensionRef", fmt.Sprintf("ExtensionService %s has protocol http/1.1, over which gRPC cannot be called.", report.Quote(to.String()))})
	default:
		out.Cluster = extension.Cluster
		if out.Timeout == (ir.Timeout{}) {
			out.Timeout = extension.Timeout
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return out, nil
}

// maxBody bounds the bytes of a body that Envoy holds for an authorization service.
const maxBody = 10 << 20

// Settings returns the part of the service that does not depend on its ExtensionService. It is usable if there are no
// problems.
func Settings(spec *contourv1.AuthorizationServer) (*ir.AuthorizationService, []Problem) {
	c := &converter{spec: spec}
	out := &ir.AuthorizationService{FailOpen: spec.FailOpen}
	if v := spec.ExtensionServiceRef.APIVersion; v != "" && v != contourv1alpha1.GroupVersion.String() {
		c.errorf(report.AuthBadResourceVersion, "extensionRef.apiVersion", "The apiVersion %s is not %s.", report.Quote(v), contourv1alpha1.GroupVersion)
	}
	var problem validate.Problem
	if out.Timeout, problem = validate.Timeout(spec.ResponseTimeout); problem != "" {
		c.errorf(report.AuthResponseTimeoutInvalid, "responseTimeout", "%s %s.", report.Quote(spec.ResponseTimeout), problem)
	}
	if b := spec.WithRequestBody; b != nil {
		out.Body = &ir.AuthorizationBody{MaxBytes: cmp.Or(b.MaxRequestBytes, 1024), Partial: b.AllowPartialMessage, Raw: b.PackAsBytes}
		if b.MaxRequestBytes > maxBody {
			c.errorf(report.AuthorizationNotValid, "withRequestBody.maxRequestBytes", "The limit %d is above %d bytes.", b.MaxRequestBytes, maxBody)
		}
	}
	switch spec.ServiceType {
	case "", contourv1.AuthorizationGRPCService:
		if spec.HTTPSettings != nil {
			c.errorf(report.AuthorizationNotValid, "httpSettings", "The httpSettings require serviceType http.")
		}
	case contourv1.AuthorizationHTTPService:
		out.HTTP = c.http(spec.HTTPSettings)
		if spec.AuthPolicy != nil && len(spec.AuthPolicy.Context) > 0 {
			c.errorf(report.AuthContextForHTTP, "authPolicy.context", "A service that speaks HTTP receives no context.")
		}
	default:
		c.errorf(report.AuthorizationNotValid, "serviceType", "The type %s is not one of grpc and http.", report.Quote(string(spec.ServiceType)))
	}
	return out, c.problems
}

// converter converts one specification.
type converter struct {
	spec     *contourv1.AuthorizationServer
	problems []Problem
}

func (c *converter) errorf(r report.Reason, field, format string, args ...any) {
	c.problems = append(c.problems, Problem{r, field, fmt.Sprintf(format, args...)})
}
