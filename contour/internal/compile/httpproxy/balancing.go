package httpproxy

import (
	"math"
	"net/textproto"
	"strconv"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

const (
	// affinityCookie is the cookie of the strategy Cookie, as in Contour.
	affinityCookie = "X-Contour-Session-Affinity"
	// maxHashKeys bounds what requests are distributed by.
	maxHashKeys = 16
)

// The strategies of Contour.
const (
	strategyRoundRobin   = "RoundRobin"
	strategyRandom       = "Random"
	strategyLeastRequest = "WeightedLeastRequest"
	strategyCookie       = "Cookie"
	strategyRequestHash  = "RequestHash"
)

// balancing returns how endpoints are selected, and what requests are hashed by.
func (b *builder) balancing() (ir.Balancing, []ir.HashKey) {
	spec := b.spec.LoadBalancerPolicy
	if spec == nil {
		return ir.BalanceRoundRobin, nil
	}
	at := b.at.dot("loadBalancerPolicy")
	switch spec.Strategy {
	case strategyCookie:
		return ir.BalanceHash, []ir.HashKey{{Cookie: affinityCookie}}
	case strategyRequestHash:
		keys := b.hashKeys(spec.RequestHashPolicies, at.dot("requestHashPolicies"))
		if len(keys) == 0 {
			b.warnHash(at.dot("requestHashPolicies"), "No key is usable; the strategy is %s.", strategyRoundRobin)
			return ir.BalanceRoundRobin, nil
		}
		return ir.BalanceHash, keys
	}
	return b.strategy(spec.Strategy, at, report.TypeSpec), nil
}

// strategy returns a strategy without hashing.
func (p *proxy) strategy(name string, at path, t report.Type) ir.Balancing {
	switch name {
	case "", strategyRoundRobin:
	case strategyRandom:
		return ir.BalanceRandom
	case strategyLeastRequest:
		return ir.BalanceLeastRequest
	default:
		p.warnf(subCondition{t, report.IgnoredField}, at.dot("strategy"), "The strategy %s is not known; it is %s.", quoted(name), strategyRoundRobin)
	}
	return ir.BalanceRoundRobin
}

// tcpBalancing returns how endpoints are selected for connections.
func (p *proxy) tcpBalancing(spec *contourv1.LoadBalancerPolicy, at path) ir.Balancing {
	if spec == nil {
		return ir.BalanceRoundRobin
	}
	switch spec.Strategy {
	case strategyCookie, strategyRequestHash:
		p.warnf(subCondition{report.TypeTCPProxy, report.IgnoredField}, at.dot("strategy"),
			"The strategy %s has no effect in a tcpproxy, because it applies to requests.", spec.Strategy)
		return ir.BalanceRoundRobin
	}
	return p.strategy(spec.Strategy, at, report.TypeTCPProxy)
}

func (b *builder) warnHash(at path, format string, args ...any) {
	b.warnf(subCondition{report.TypeSpec, report.IgnoredField}, at, format, args...)
}

// hashKeys returns the usable keys; the others are omitted with a warning, as in Contour.
func (b *builder) hashKeys(specs []contourv1.RequestHashPolicy, at path) []ir.HashKey {
	var out []ir.HashKey
	seen := map[ir.HashKey]bool{}
	for i := range specs {
		if len(out) == maxHashKeys {
			b.warnHash(at.at(i), "The keys from this one on are ignored, because there are more than %d.", maxHashKeys)
			break
		}
		key, ok := b.hashKey(&specs[i], at.at(i))
		switch {
		case !ok:
		case seen[key]:
			b.warnHash(at.at(i), "The key is ignored, because it occurs twice.")
		default:
			seen[key] = true
			key.Terminal = specs[i].Terminal
			out = append(out, key)
		}
	}
	return out
}

// hashKey returns a key; false if it is not usable.
func (b *builder) hashKey(spec *contourv1.RequestHashPolicy, at path) (ir.HashKey, bool) {
	header, query := spec.HeaderHashOptions, spec.QueryParameterHashOptions
	options := 0
	for _, set := range []bool{spec.HashSourceIP, header != nil, query != nil} {
		if set {
			options++
		}
	}
	switch {
	case options != 1:
		b.warnHash(at, "The key is ignored, because it has %d of hashSourceIP, headerHashOptions and queryParameterHashOptions; exactly one is required.", options)
		return ir.HashKey{}, false
	case header != nil:
		if problem := validate.HeaderName(header.HeaderName); problem != "" {
			b.warnHash(at.dot("headerHashOptions").dot("headerName"), "The key is ignored, because %s %s.", quoted(header.HeaderName), problem)
			return ir.HashKey{}, false
		}
		return ir.HashKey{Header: textproto.CanonicalMIMEHeaderKey(header.HeaderName)}, true
	case query != nil:
		if problem := validate.QueryName(query.ParameterName); problem != "" {
			b.warnHash(at.dot("queryParameterHashOptions").dot("parameterName"), "The key is ignored, because %s %s.", quoted(query.ParameterName), problem)
			return ir.HashKey{}, false
		}
		return ir.HashKey{Query: query.ParameterName}, true
	}
	return ir.HashKey{SourceIP: true}, true
}

// slowStart returns the slow start of a service; zero if there is none, and false if it is invalid.
func (b *builder) slowStart(spec *contourv1.SlowStartPolicy, balancing ir.Balancing, at path) (ir.SlowStart, bool) {
	if spec == nil {
		return ir.SlowStart{}, true
	}
	f := subCondition{report.TypeService, report.SlowStartInvalid}
	if balancing != ir.BalanceRoundRobin && balancing != ir.BalanceLeastRequest {
		b.errorf(f, at, "A slowStartPolicy requires the strategy %s or %s.", strategyRoundRobin, strategyLeastRequest)
		return ir.SlowStart{}, false
	}
	window, problem := validate.Timeout(spec.Window)
	if problem != "" || window.Duration == 0 {
		b.errorf(f, at.dot("window"), "%s is not a duration greater than 0, such as 30s.", quoted(spec.Window))
		return ir.SlowStart{}, false
	}
	aggression := 1.0
	if spec.Aggression != "" {
		n, err := strconv.ParseFloat(spec.Aggression, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			b.errorf(f, at.dot("aggression"), "%s is not a number greater than 0, such as 1.5.", quoted(spec.Aggression))
			return ir.SlowStart{}, false
		}
		aggression = n
	}
	if spec.MinimumWeightPercent > 100 {
		b.errorf(f, at.dot("minWeightPercent"), "%d is not between 0 and 100.", spec.MinimumWeightPercent)
		return ir.SlowStart{}, false
	}
	return ir.SlowStart{Window: window.Duration, Aggression: aggression, MinWeight: spec.MinimumWeightPercent}, true
}
