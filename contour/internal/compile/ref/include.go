package ref

import (
	"maps"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// IncludeFrom is the annotation of an HTTPProxy that names the namespaces whose HTTPProxies may include it, comma-separated;
// "*" stands for all.
const IncludeFrom = "projectcontour.io/include-from"

// Includable reports whether an HTTPProxy consents to its inclusion by those of a namespace. One that does not exist does
// not; the proxies of its own namespace need no consent. Nothing else of the HTTPProxy is read, so that its edits concern
// nobody whom it does not permit.
func (x *Resolver) Includable(r *memo.Reader, proxy kobj.Name, by string) bool {
	if proxy.Namespace == by {
		return true
	}
	permitted := x.consents.Get(r, proxy)
	return permitted[by] || permitted["*"]
}

// deriveConsent is the namespaces of the annotation of an HTTPProxy; none if it does not exist.
func (x *Resolver) deriveConsent(r *memo.Reader, n kobj.Name) map[string]bool {
	p, ok := x.store.HTTPProxies.Get(r, n)
	if !ok || p.Annotations[IncludeFrom] == "" {
		return nil
	}
	permitted := map[string]bool{}
	for item := range strings.SplitSeq(p.Annotations[IncludeFrom], ",") {
		if item = strings.TrimSpace(item); item != "" {
			permitted[item] = true
		}
	}
	return permitted
}

func equalConsent(a, b map[string]bool) bool { return maps.Equal(a, b) }
