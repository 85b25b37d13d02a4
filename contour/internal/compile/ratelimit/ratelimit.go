// Package ratelimit converts global rate limits, of a virtual host, of a route or of the configuration, to the model.
//
// The input is a policy and, through the Reader, the service of the configuration with its ExtensionService. The output is the
// descriptors and the service to ask, or the problems because of which a request cannot be counted; the caller reports them.
package ratelimit

import (
	"fmt"
	"reflect"

	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// Service is the rate limit service of the configuration.
type Service struct {
	Service *ir.RateLimitService // nil if it cannot be asked
	Problem string               // why not, a sentence
	// Open: while it cannot be asked, requests are not limited, as the configuration says.
	Open bool
	// HasDefault: HTTPProxies without a limit of their own have one.
	HasDefault bool
	// Default is the limit of an HTTPProxy without its own, and Policies is policies with nothing else; nil if there is none, or Open.
	Default  *ir.GlobalRateLimit
	Policies *ir.Policies
}

// Resolver finds the service.
type Resolver struct {
	table *memo.Table[struct{}, Service]
}

// New adds the table of the service to the engine.
func New(e *memo.Engine, s *store.Store, extensions *extension.Table) *Resolver {
	return &Resolver{memo.NewTable(e, memo.Options[struct{}, Service]{
		Name: "ratelimit/service", Equal: func(a, b Service) bool { return reflect.DeepEqual(a, b) },
		Derive: func(r *memo.Reader, _ struct{}) Service { return derive(r, s, extensions) },
	})}
}

// Service returns the service of the configuration.
func (x *Resolver) Service(r *memo.Reader) Service { return x.table.Get(r, struct{}{}) }

func derive(r *memo.Reader, s *store.Store, extensions *extension.Table) Service {
	c := s.Settings.RateLimits.Get(r)
	if c.Service.Name == "" {
		return Service{Problem: "The configuration of the controller has no rateLimitService."}
	}
	out := Service{}
	switch to := extensions.Get(r, c.Service); {
	case !to.Usable:
		out.Problem = fmt.Sprintf("The ExtensionService %s of the rateLimitService does not exist, or has errors.", report.Quote(c.Service.String()))
	case to.Cluster.Protocol == ir.ProtocolHTTP1:
		out.Problem = fmt.Sprintf("The ExtensionService %s of the rateLimitService has protocol http/1.1, over which gRPC cannot be called.", report.Quote(c.Service.String()))
	default:
		out.Service = &ir.RateLimitService{
			Cluster: to.Cluster, Domain: c.Domain, Timeout: to.Timeout, FailOpen: c.FailOpen,
			Headers: c.Headers, ResourceExhausted: c.ResourceExhausted,
		}
	}
	out.Open = out.Service == nil && c.FailOpen
	out.HasDefault = len(c.Default) > 0
	if out.Default = out.Limit(c.Default); out.Default != nil {
		out.Policies = &ir.Policies{GlobalRateLimit: out.Default}
	}
	return out
}

// Limit returns the limit with these descriptors; nil if there are none, or requests are not limited while the service cannot
// be asked.
func (s Service) Limit(descriptors []ir.LimitDescriptor) *ir.GlobalRateLimit {
	switch {
	case len(descriptors) == 0 || s.Open:
		return nil
	case s.Service == nil:
		return &ir.GlobalRateLimit{Invalid: true}
	}
	return &ir.GlobalRateLimit{Service: s.Service, Descriptors: descriptors}
}
