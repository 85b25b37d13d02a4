package httpproxy

import (
	"reflect"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kobj"
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
	if n.parts+parts > min(maxParts, freeParts+maxRepeats*n.writtenParts) ||
		n.bytes+bytes > min(maxCopied, freeBytes+maxRepeats*n.written) {
		return false
	}
	n.parts += parts
	n.bytes += bytes
	return true
}
