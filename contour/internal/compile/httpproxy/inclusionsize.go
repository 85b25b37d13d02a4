package httpproxy

import (
	"reflect"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

const (
	// maxParts bounds the routes and includes under one root, counted each time they are reached.
	maxParts = 50_000
	// maxCopied bounds the bytes of the proxies under one root, counted each time they are reached.
	maxCopied = 16 << 20
)

// A proxy that is included many times is compiled as often. What that makes of the text of all proxies under a root is
// bounded in proportion to the text: maxRepeats times, beyond an amount that costs nothing worth mentioning.
const (
	maxRepeats = 16
	freeParts  = 4096
	freeBytes  = 1 << 20
)

// inclusions counts what is compiled for one root.
type inclusions struct {
	parts, bytes          int               // reached so far, each time that it is reached
	writtenParts, written int               // of the proxies reached so far, once
	sizes                 map[kobj.Name]int // in bytes, of the proxies reached so far
}

// root counts the root, and reports whether it can be afforded.
func (n *inclusions) root(spec *contourv1.HTTPProxySpec) bool {
	n.parts = len(spec.Routes) + len(spec.Includes)
	n.writtenParts = n.parts
	if len(spec.Includes) > 0 {
		n.written = textSize(reflect.ValueOf(spec))
	}
	return n.parts <= maxParts
}

// add counts an included proxy, before it is compiled under the conditions above it, and reports whether that can be afforded;
// if not, it does not count.
func (n *inclusions) add(name kobj.Name, spec *contourv1.HTTPProxySpec, above conditions) bool {
	parts := len(spec.Routes) + len(spec.Includes)
	size, known := n.sizes[name]
	if !known {
		size = textSize(reflect.ValueOf(spec))
		if n.sizes == nil {
			n.sizes = map[kobj.Name]int{}
		}
		n.sizes[name] = size
		n.writtenParts += parts
		n.written += size
	}
	bytes := size + parts*above.size()
	if n.parts+parts > n.mostParts() || n.bytes+bytes > min(maxCopied, freeBytes+maxRepeats*n.written) {
		return false
	}
	n.parts += parts
	n.bytes += bytes
	return true
}

// mostParts is how many routes and includes may be reached, as far as the proxies are known.
func (n *inclusions) mostParts() int { return min(maxParts, freeParts+maxRepeats*n.writtenParts) }

// written returns how many routes the root and what it includes have, each time that they are reached, as far as they would be compiled.
// It takes time for each inclusion only, so that routes that no budget admits need not be compiled to count them. It stops above the
// budget, and is 0 where no root can exceed that.
func (p *proxy) written() int {
	most := p.budgets.RootRoutes()
	if most == 0 || most >= maxParts {
		return 0
	}
	w := written{most: most}
	w.sizes = map[kobj.Name]int{}
	w.parts = len(p.spec.Routes) + len(p.spec.Includes)
	w.writtenParts = w.parts
	w.count(p)
	return w.routes
}

// written counts the routes of one root.
type written struct {
	inclusions
	routes, most int
}

func (w *written) count(p *proxy) {
	w.routes += len(p.spec.Routes)
	for i := range p.spec.Includes {
		if w.routes > w.most {
			return
		}
		include := &p.spec.Includes[i]
		child, found := p.target(include.Namespace, include.Name, path("spec.includes").at(i), report.TypeInclude)
		if found && w.reach(child.key.Name, child.spec) {
			w.count(child)
		}
	}
}

// reach is add without the size of texts.
func (w *written) reach(name kobj.Name, spec *contourv1.HTTPProxySpec) bool {
	parts := len(spec.Routes) + len(spec.Includes)
	if _, known := w.sizes[name]; !known {
		w.sizes[name] = 0
		w.writtenParts += parts
	}
	if w.parts+parts > w.mostParts() {
		return false
	}
	w.parts += parts
	return true
}
