package preview

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/class"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/similar"
)

// NotServed: the object is of an ingress class or a controller that is not served. Correct its class, or serve that class.
const NotServed report.Reason = "NotServed"

// notServed is the note about an object that belongs to another controller.
func (p *Preview) notServed(k kobj.Key) Finding {
	f := Finding{Severity: Note, Object: k, Reason: NotServed}
	of, field := class.Of(p.objects[k].GetAnnotations(), ""), "metadata.annotations"
	switch o := p.objects[k].(type) {
	case *networkingv1.Ingress:
		if o.Spec.IngressClassName != nil && of == "" {
			of, field = *o.Spec.IngressClassName, "spec.ingressClassName"
		}
	case *contourv1.HTTPProxy:
		if of == "" {
			of, field = o.Spec.IngressClassName, "spec.ingressClassName"
		}
	default:
		f.Message = "It belongs to no GatewayClass of this controller, and is not served."
		return p.at(f)
	}
	served := "none and " + class.Default
	if len(p.classes) > 0 {
		served = strings.Join(p.classes, ", ")
	}
	f.Field, f.Message = field, fmt.Sprintf("Ingress class %q is not served; served are: %s.", of, served)
	if of == "" {
		f.Field, f.Message = "", fmt.Sprintf("An object without an ingress class is not served; served are: %s.", served)
	}
	return p.at(f)
}

// hostnames returns the hostnames that an object claims, as written, with "*" for any, and the field of each.
func hostnames(o metav1.Object) map[string]string {
	out := map[string]string{}
	add := func(name, field string) {
		if name = strings.ToLower(name); out[name] == "" {
			out[name] = field
		}
	}
	gateway := func(names []gatewayv1.Hostname) {
		for i, h := range names {
			add(string(h), fmt.Sprintf("spec.hostnames[%d]", i))
		}
	}
	switch o := o.(type) {
	case *contourv1.HTTPProxy:
		if o.Spec.VirtualHost != nil {
			add(o.Spec.VirtualHost.Fqdn, "spec.virtualhost.fqdn")
		}
	case *networkingv1.Ingress:
		for i, r := range o.Spec.Rules {
			if r.Host == "" {
				r.Host = "*"
			}
			add(r.Host, fmt.Sprintf("spec.rules[%d].host", i))
		}
	case *gatewayv1.HTTPRoute:
		gateway(o.Spec.Hostnames)
	case *gatewayv1.GRPCRoute:
		gateway(o.Spec.Hostnames)
	case *gatewayv1.TLSRoute:
		gateway(o.Spec.Hostnames)
	}
	return out
}

// hasTLS reports whether an object has TLS settings.
func hasTLS(o metav1.Object) bool {
	switch o := o.(type) {
	case *contourv1.HTTPProxy:
		return o.Spec.VirtualHost != nil && o.Spec.VirtualHost.TLS != nil
	case *networkingv1.Ingress:
		return len(o.Spec.TLS) > 0
	}
	return true // of a Gateway
}

// covers reports whether a claimed hostname is for a host.
func covers(claim, host string) bool {
	suffix, wildcard := strings.CutPrefix(claim, "*")
	return claim == host || claim == "*" || wildcard && strings.HasSuffix(host, suffix) && len(host) > len(suffix)
}

// claim is an object that claims a host, and the field in which it does.
type claim struct {
	object kobj.Key
	name   string
	field  string
}

// claims returns the objects that claim a host, the most specific first.
func (p *Preview) claims(host string) []claim {
	var out []claim
	for k, o := range p.objects {
		for name, field := range hostnames(o) {
			if covers(name, host) {
				out = append(out, claim{k, name, field})
			}
		}
	}
	slices.SortFunc(out, func(a, b claim) int {
		if n := len(strings.TrimPrefix(b.name, "*")) - len(strings.TrimPrefix(a.name, "*")); n != 0 {
			return n
		}
		return a.object.Compare(b.object)
	})
	return out
}

// maxTypos is how many letters of a name may differ for it to be suggested.
const maxTypos = 2

// similarHost returns the only claimed hostname that is nearly the host, "" if there is none or several.
func (p *Preview) similarHost(host string) string {
	return similar.Best(host, func(yield func(string) bool) {
		for _, o := range p.objects {
			for name := range hostnames(o) {
				if !yield(name) {
					return
				}
			}
		}
	}, maxTypos)
}

// field returns the path of the route in its object.
func field(k kobj.Kind, s ir.Source) string {
	switch {
	case k == kobj.HTTPProxy && s.Include:
		return fmt.Sprintf("spec.includes[%d]", s.Rule)
	case k == kobj.HTTPProxy:
		return fmt.Sprintf("spec.routes[%d]", s.Rule)
	case k == kobj.Ingress:
		return fmt.Sprintf("spec.rules[%d].http.paths[%d]", s.Rule, s.Branch)
	}
	return fmt.Sprintf("spec.rules[%d]", s.Rule)
}
