package httpproxy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// maxDepth bounds the depth of nested inclusions.
const maxDepth = 64

// answered is what comes of a part of a proxy: its routes, and those that answer with an error in the place of what cannot be
// read.
type answered struct{ routes, refused []route }

func (a *answered) add(more answered) {
	a.routes, a.refused = append(a.routes, more.routes...), append(a.refused, more.refused...)
}

// routes is the routes of the proxy and of what it includes, under the conditions of the inclusions above:
// the included ones first, so that of two with equal matches the proxy's own is the later one. What it refuses is last.
func (p *proxy) routes(above conditions) []route {
	var out answered
	seen := make(map[string]int, len(p.spec.Includes))
	for i := range p.spec.Includes {
		out.add(p.include(i, above, seen))
	}
	for i := range p.spec.Routes {
		out.add(p.route(i, above))
	}
	return append(out.routes, out.refused...)
}

// include returns the routes of one inclusion. seen maps the conditions of the inclusions before it to their index.
//
// An inclusion that leads nowhere answers 502 under its conditions. One whose conditions cannot be used answers 500 under
// what can be read of them, and one whose conditions were used before has no requests of its own: the proxies of both are
// compiled for their reports only.
func (p *proxy) include(i int, above conditions, seen map[string]int) answered {
	spec, at, source := &p.spec.Includes[i], path("spec.includes").at(i), ir.SourceAt(i, 0)
	source.Include = true
	merged, usable, refused := p.includeConditions(i, above, seen)
	child, found := p.target(spec.Namespace, spec.Name, at, report.TypeInclude)
	if found && !p.inclusions.add(child.key.Name, child.spec, merged) {
		p.errorf(subCondition{report.TypeInclude, report.TooMany}, at,
			"The inclusion of %s exceeds a limit of the host: %d routes and includes, %d MiB of included specifications, and %d times what the HTTPProxies contain.",
			quoted(child.key.Name.String()), maxParts, maxCopied>>20, maxRepeats)
		found = false
	}
	switch {
	case found && usable:
		return answered{routes: child.routes(merged)}
	case found:
		child.routes(above)
	case usable && !merged.empty():
		rt := p.failing(merged.match(), 502)
		rt.placeholder = true
		return answered{routes: from(source, []route{rt})}
	}
	return answered{refused: from(source, refused)}
}

// includeConditions is the conditions of the i-th inclusion joined with those above, whether they can be used, and what is
// refused otherwise.
func (p *proxy) includeConditions(i int, above conditions, seen map[string]int) (all conditions, usable bool, refused []route) {
	at := path("spec.includes").at(i).dot("conditions")
	own := p.conditions(p.spec.Includes[i].Conditions, at, report.TypeInclude)
	if !own.valid {
		return conditions{}, false, p.refused(above, own)
	}
	if !own.trivial() {
		k := own.key()
		if first, twice := seen[k]; twice {
			p.errorf(subCondition{report.TypeInclude, report.DuplicateMatchConditions}, at,
				"The conditions are equal to those of spec.includes[%d], which receives the requests; conditions must be unique.", first)
			return conditions{}, false, nil
		}
		seen[k] = i
	}
	all, usable = p.join(above, own.conditions, at, report.TypeInclude)
	if !usable {
		refused = p.refused(above, own)
	}
	return all, usable, refused
}

// target returns the proxy that an inclusion refers to; namespace "" stands for the namespace of p.
func (p *proxy) target(namespace, name string, at path, t report.Type) (*proxy, bool) {
	n := kobj.Name{Namespace: cmp.Or(namespace, p.key.Namespace), Name: name}
	if !p.permitted(n, at, t) {
		return nil, false
	}
	obj, ok := p.lookup(n)
	if !ok {
		p.errorf(subCondition{t, report.IncludeNotFound}, at, "HTTPProxy %s does not exist, or is of an ingress class that is not served.", quoted(n.String()))
		return nil, false
	}
	if obj.Spec.VirtualHost != nil {
		p.errorf(subCondition{t, report.RootIncludesRoot}, at, "HTTPProxy %s has a virtualhost; only an HTTPProxy without a virtualhost can be included.", quoted(n.String()))
		return nil, false
	}
	if !p.acyclic(n, at, t) {
		return nil, false
	}
	return p.visit(obj, n, p), true
}

// permitted reports whether the namespace of n consents to the inclusion, if the operator requires that. A refusal is reported
// on both proxies, without saying whether n exists.
func (p *proxy) permitted(n kobj.Name, at path, t report.Type) bool {
	if !p.objects.InclusionNeedsConsent || p.env.Ref.Includable(p.reader, n, p.key.Namespace) {
		return true
	}
	p.errorf(subCondition{t, report.IncludeNotPermitted}, at,
		"HTTPProxy %s does not exist, or its annotation %s does not name namespace %s.", quoted(n.String()), ref.IncludeFrom, quoted(p.key.Namespace))
	p.report.Add(report.Diagnostic{
		Object: kobj.Key{Kind: kobj.HTTPProxy, Name: n}, Severity: report.Warning, Type: t, Reason: report.IncludeNotPermitted,
		Field:   "metadata.annotations[" + ref.IncludeFrom + "]",
		Message: fmt.Sprintf("An inclusion from namespace %s is refused, because the annotation does not name it.", quoted(p.key.Namespace)),
	})
	return false
}

// acyclic reports whether the proxy may include n: n is not above it, and its depth is below maxDepth.
func (p *proxy) acyclic(n kobj.Name, at path, t report.Type) bool {
	depth := 0
	for q := p; q != nil; q = q.above {
		if q.key.Name == n {
			p.errorf(subCondition{t, report.IncludeCreatesCycle}, at, "The inclusion creates a cycle: %s.", shorten(p.chain(q, n)))
			return false
		}
		depth++
	}
	if depth >= maxDepth {
		p.errorf(subCondition{t, report.TooMany}, at, "The inclusions are nested more than %d levels deep.", maxDepth)
		return false
	}
	return true
}

// chain returns the inclusions from the proxy top, which is above p, through p to n.
func (p *proxy) chain(top *proxy, n kobj.Name) []string {
	links := []string{n.String()}
	for q := p; q != top; q = q.above {
		links = append(links, q.key.Name.String())
	}
	links = append(links, top.key.Name.String())
	slices.Reverse(links)
	return links
}

// shorten omits the middle of a long chain of inclusions.
func shorten(links []string) string {
	const ends = 4
	if n := len(links); n > 2*ends {
		links = slices.Concat(links[:ends], []string{"..."}, links[n-ends:])
	}
	return strings.Join(links, " -> ")
}

// from sets the source of routes.
func from(s ir.Source, routes []route) []route {
	for i := range routes {
		routes[i].Source = s
	}
	return routes
}

// failing returns a route that answers with an error.
func (p *proxy) failing(m ir.Match, code uint32) route {
	return route{Route: ir.Route{Match: m, Origin: p.key, Direct: &ir.Direct{Code: code}}}
}

// tcpTarget returns the inclusion of a tcpproxy, from its field or the deprecated one.
func tcpTarget(t *contourv1.TCPProxy) (include *contourv1.TCPProxyInclude, field string) {
	if t.Include != nil {
		return t.Include, "include"
	}
	return t.IncludesDeprecated, "includes"
}
