package settings

import (
	"contour.example/contour/internal/compile/ratelimit"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/kobj"
)

// rateLimits sets the rate limit service and the default global limit. The ExtensionService is looked up when it is there.
func (a *applier) rateLimits() {
	const field = "rateLimitService"
	spec := a.doc.spec.RateLimitService
	if spec == nil {
		return
	}
	to := kobj.Name{Namespace: spec.ExtensionService.Namespace, Name: spec.ExtensionService.Name}
	if to == (kobj.Name{}) { // without a service, the other settings have no meaning
		return
	}
	if to.Name == "" || to.Namespace == "" {
		a.errorf(field+".extensionService", "A namespace and a name of an ExtensionService are required.")
	}
	if !validate.IsText(spec.Domain) {
		a.errorf(field+".domain", "%q has control characters.", spec.Domain)
	}
	into := &a.cfg.RateLimits
	into.Service = to
	setText(&into.Domain, spec.Domain)
	setField(&into.FailOpen, spec.FailOpen)
	setField(&into.Headers, spec.EnableXRateLimitHeaders)
	setField(&into.ResourceExhausted, spec.EnableResourceExhaustedCode)
	descriptors, problems := ratelimit.Descriptors(spec.DefaultGlobalRateLimitPolicy, a.regex)
	for _, p := range problems {
		a.errorf(field+".defaultGlobalRateLimitPolicy."+p.Field, "%s", p.Message)
	}
	into.Default = descriptors
}

// regex checks a regular expression of the configuration, which counts against no budget of a host.
func (a *applier) regex(expr string) validate.Problem {
	return validate.Regex(expr).Within(a.cfg.Budgets.ExpressionSize)
}
