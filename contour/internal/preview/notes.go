package preview

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// maxNotes bounds the notes of one kind about an object.
const maxNotes = 5

// notes collects what is served as it is specified, and often is not what was meant. references returns the references of an object.
type notes struct {
	*Preview
	references func(kobj.Kind, metav1.Object) []kind.Reference
	proxies    map[string]kobj.Key // the HTTPProxy of a host, the first by name if there are several
	ready      map[kobj.Name]bool  // Services with an endpoint that is ready
}

// addNotes adds the notes about objects that are served.
func (p *Preview) addNotes(served map[kobj.Key]bool, references func(kobj.Kind, metav1.Object) []kind.Reference) {
	n := notes{Preview: p, references: references, proxies: map[string]kobj.Key{}, ready: map[kobj.Name]bool{}}
	invalid := map[kobj.Key]bool{} // such as those whose host is of another one
	for _, f := range p.Findings {
		invalid[f.Object] = invalid[f.Object] || f.Severity == Error
	}
	for k, o := range p.objects {
		switch o := o.(type) {
		case *contourv1.HTTPProxy:
			if served[k] && !invalid[k] && o.Spec.VirtualHost != nil {
				n.addProxy(strings.ToLower(o.Spec.VirtualHost.Fqdn), k)
			}
		case *discoveryv1.EndpointSlice:
			if slices.ContainsFunc(o.Endpoints, isReady) {
				n.ready[kobj.Name{Namespace: k.Namespace, Name: o.Labels[discoveryv1.LabelServiceName]}] = true
			}
		}
	}
	for k, o := range p.objects {
		if !served[k] {
			continue
		}
		n.unready(k, o)
		switch o := o.(type) {
		case *networkingv1.Ingress:
			n.foreignAnnotations(k, o)
			n.sharedHosts(k, o)
		case *contourv1.HTTPProxy:
			n.equalRoutes(k, o)
		}
	}
}

func (n *notes) addProxy(host string, k kobj.Key) {
	if other, ok := n.proxies[host]; !ok || k.Compare(other) < 0 {
		n.proxies[host] = k
	}
}

func (n *notes) add(of kobj.Key, field, format string, a ...any) {
	n.Findings = append(n.Findings, n.at(Finding{Severity: Note, Object: of, Field: field, Message: fmt.Sprintf(format, a...)}))
}

func isReady(e discoveryv1.Endpoint) bool { return e.Conditions.Ready == nil || *e.Conditions.Ready }

// unready notes the Services of an object without an endpoint that is ready.
func (n *notes) unready(k kobj.Key, o metav1.Object) {
	noted := map[kobj.Name]bool{}
	for _, r := range n.references(k.Kind, o) {
		s, ok := n.objects[r.To].(*corev1.Service)
		if !ok || n.ready[r.To.Name] || n.assumed[r.To.Name] || noted[r.To.Name] || s.Spec.Type == corev1.ServiceTypeExternalName || len(noted) == maxNotes {
			continue
		}
		noted[r.To.Name] = true
		n.add(k, "", "Service %q has no endpoint that is ready.", r.To.Name)
	}
}

// foreignPrefixes are those of annotations of other ingress controllers.
func foreignPrefixes() []string {
	return []string{
		"nginx.ingress.kubernetes.io/", "nginx.org/", "nginx.com/", "traefik.ingress.kubernetes.io/", "haproxy.org/", "haproxy-ingress.github.io/",
		"alb.ingress.kubernetes.io/", "konghq.com/", "higress.io/",
	}
}

// foreignAnnotations notes annotations of other ingress controllers.
func (n *notes) foreignAnnotations(k kobj.Key, o *networkingv1.Ingress) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(o.Annotations)) {
		if slices.ContainsFunc(foreignPrefixes(), func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			names = append(names, name)
		}
	}
	for _, name := range names[:min(len(names), maxNotes)] {
		n.add(k, "metadata.annotations", "The annotation %q is of another ingress controller and has no effect.", name)
	}
	if more := len(names) - maxNotes; more > 0 {
		n.add(k, "metadata.annotations", "%d more annotations of other ingress controllers have no effect.", more)
	}
}

// sharedHosts notes hosts of an Ingress that are also of an HTTPProxy.
func (n *notes) sharedHosts(k kobj.Key, o *networkingv1.Ingress) {
	noted := 0
	for i := range o.Spec.Rules {
		host := strings.ToLower(o.Spec.Rules[i].Host)
		proxy, shared := n.proxies[host]
		if !shared || host == "" || noted == maxNotes {
			continue
		}
		noted++
		n.add(k, fmt.Sprintf("spec.rules[%d].host", i), "Host %q is also of %s, whose routes take precedence over those of Ingresses with equal conditions.", host, proxy)
	}
}

// equalRoutes notes routes of an HTTPProxy that a later one of the same object replaces.
func (n *notes) equalRoutes(k kobj.Key, o *contourv1.HTTPProxy) {
	last := map[string]int{}
	keys := make([]string, len(o.Spec.Routes))
	for i := range o.Spec.Routes {
		keys[i] = textOf(o.Spec.Routes[i].Conditions)
		last[keys[i]] = i
	}
	noted := 0
	for i, key := range keys {
		if last[key] == i || noted == maxNotes {
			continue
		}
		noted++
		n.add(k, fmt.Sprintf("spec.routes[%d]", i), "The route is not served: spec.routes[%d] has the same conditions, and the last of equal routes is served.", last[key])
	}
}

// textOf is a text that is the same for conditions with one meaning: their order has none, nor has the prefix /.
func textOf(conditions []contourv1.MatchCondition) string {
	all := []string{}
	for i := range conditions {
		c := conditions[i]
		if c.Prefix == "/" {
			c.Prefix = ""
		}
		if text, err := json.Marshal(c); err == nil && string(text) != "{}" {
			all = append(all, string(text))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
