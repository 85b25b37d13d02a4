package httpproxy

import (
	"cmp"
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// maxDepth bounds how many inclusions may follow each other.
const maxDepth = 256

// routes is the routes of the proxy and of what it includes, under the conditions of the inclusions above:
// the included ones first, so that of two with equal matches the proxy's own is the later one.
func (p *proxy) routes(above conditions) []route {
	var out []route
	seen := make(map[string]int, len(p.spec.Includes))
	for i := range p.spec.Includes {
		out = append(out, p.include(i, above, seen)...)
	}
	for i := range p.spec.Routes {
		if rt, ok := p.route(i, above); ok {
			out = append(out, rt)
		}
	}
	return out
}

// include is the routes of one inclusion. seen holds the conditions of the inclusions before it, by their place.
//
// An inclusion that leads nowhere answers 502 under its conditions. One whose conditions cannot be used, or were
// used before, has no requests of its own: its proxies are compiled for their reports only.
func (p *proxy) include(i int, above conditions, seen map[string]int) []route {
	spec, at := &p.spec.Includes[i], path("spec.includes").at(i)
	merged, usable := p.includeConditions(i, above, seen)
	child, found := p.target(spec.Namespace, spec.Name, at, report.TypeInclude)
	if found && (!p.addParts(child.spec) || !p.addCopied(child.spec, merged)) {
		p.errorf(subCondition{report.TypeInclude, report.TooMany}, at,
			"The host has more than %d routes and includes, or %d MiB of them, with those of %s.",
			maxParts, maxCopied>>20, quoted(child.key.Name.String()))
		found = false
	}
	switch {
	case found && usable:
		return child.routes(merged)
	case found:
		child.routes(above)
	case usable && !merged.empty():
		rt := p.failing(merged.match(), 502)
		rt.placeholder = true
		return []route{rt}
	}
	return nil
}

// includeConditions is the conditions of the i-th inclusion joined with those above, and whether they can be used.
func (p *proxy) includeConditions(i int, above conditions, seen map[string]int) (conditions, bool) {
	at := path("spec.includes").at(i).dot("conditions")
	own, ok := p.conditions(p.spec.Includes[i].Conditions, at, report.TypeInclude)
	if !ok {
		return conditions{}, false
	}
	if !own.trivial() {
		k := own.key()
		if first, twice := seen[k]; twice {
			p.errorf(subCondition{report.TypeInclude, report.DuplicateMatchConditions}, at,
				"The conditions are those of spec.includes[%d], which gets all their requests.", first)
			return conditions{}, false
		}
		seen[k] = i
	}
	return p.join(above, own, at, report.TypeInclude)
}

// target finds the proxy that an inclusion names; namespace "" stands for the proxy's own.
func (p *proxy) target(namespace, name string, at path, t report.Type) (*proxy, bool) {
	n := kobj.Name{Namespace: cmp.Or(namespace, p.key.Namespace), Name: name}
	obj, ok := p.lookup(n)
	if !ok {
		p.errorf(subCondition{t, report.IncludeNotFound}, at, "HTTPProxy %s does not exist, or is of an ingress class that is not served.", quoted(n.String()))
		return nil, false
	}
	if obj.Spec.VirtualHost != nil {
		p.errorf(subCondition{t, report.RootIncludesRoot}, at, "HTTPProxy %s has a virtual host of its own.", quoted(n.String()))
		return nil, false
	}
	if !p.acyclic(n, at, t) {
		return nil, false
	}
	return p.visit(obj, n, p), true
}

// acyclic reports whether the proxy may include n: n is none of those that it was reached through, which are not too many.
func (p *proxy) acyclic(n kobj.Name, at path, t report.Type) bool {
	depth := 0
	for q := p; q != nil; q = q.above {
		if q.key.Name == n {
			p.errorf(subCondition{t, report.IncludeCreatesCycle}, at, "The inclusion closes a cycle: %s.", shorten(p.chain(q, n)))
			return false
		}
		depth++
	}
	if depth >= maxDepth {
		p.errorf(subCondition{t, report.TooMany}, at, "More than %d inclusions follow each other.", maxDepth)
		return false
	}
	return true
}

// chain is the inclusions from the proxy top, which p was reached through, down to p and on to n.
func (p *proxy) chain(top *proxy, n kobj.Name) []string {
	links := []string{n.String()}
	for q := p; q != top; q = q.above {
		links = append(links, q.key.Name.String())
	}
	links = append(links, top.key.Name.String())
	slices.Reverse(links)
	return links
}

// shorten leaves out the middle of a long chain of inclusions.
func shorten(links []string) string {
	const ends = 4
	if n := len(links); n > 2*ends {
		links = slices.Concat(links[:ends], []string{"..."}, links[n-ends:])
	}
	return strings.Join(links, " -> ")
}

// failing is a route that answers with an error.
func (p *proxy) failing(m ir.Match, code uint32) route {
	return route{Route: ir.Route{Match: m, Origin: p.key, Direct: &ir.Direct{Code: code}}}
}

// tcpTarget is the inclusion of a tcpproxy, by its name of today or the former one.
func tcpTarget(t *contourv1.TCPProxy) (include *contourv1.TCPProxyInclude, field string) {
	if t.Include != nil {
		return t.Include, "include"
	}
	return t.IncludesDeprecated, "includes"
}
