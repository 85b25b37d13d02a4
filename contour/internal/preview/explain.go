package preview

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/translate"
)

// Request is a request to explain.
type Request = semantic.Request

// Explanation is what happens to a request, and why.
type Explanation struct {
	Verdict string // one line: the outcome and its cause
	Answer  semantic.Answer
	Steps   []Step
	// Passed are routes of the host that do not match the request.
	Passed []Step
	// Others are the objects that claim the host and have no part in the answer, and why.
	Others []Finding
}

// Step is one step on the way of a request, or a route.
type Step struct {
	Name   string   `json:"name"`
	What   string   `json:"what"`
	Object kobj.Key `json:"-"`
	Field  string   `json:"field,omitempty"`
	File   string   `json:"file,omitempty"`
	Line   int      `json:"line,omitempty"`
}

// explainer makes one explanation.
type explainer struct {
	*Preview
	request Request
	host    string // of the request, without port
	trace   semantic.Trace
	vhost   *ir.VirtualHost                // of the answer; nil if there is none
	source  func(*routev3.Route) *ir.Route // of vhost
	route   *ir.Route                      // of the answer; nil if there is none, or if Envoy has it for itself
	out     Explanation
}

// Explain returns what an Envoy with the configuration does with a request. An error means that the outcome is unknown: the model of
// Envoy does not support something in the request or the configuration.
func (p *Preview) Explain(r Request) (Explanation, error) {
	x := &explainer{Preview: p, host: hostOf(r.Host)}
	var err error
	if x.out.Answer, x.trace, err = p.answer(&r); err != nil {
		return Explanation{}, err
	}
	x.request = r
	x.resolve()
	x.steps()
	x.others()
	x.out.Verdict = x.verdict()
	x.out.Answer = masked(x.out.Answer)
	return x.out, nil
}

// answer returns the answer of the model to a request. It sets the listener unless the request has one.
func (p *Preview) answer(r *Request) (semantic.Answer, semantic.Trace, error) {
	if p.envoy == nil {
		return semantic.Answer{Refused: true}, semantic.Trace{}, nil
	}
	if r.To == "" {
		r.To = p.listenerFor(r)
	}
	r.Allowed = true // the files do not say what services decide
	return p.envoy.Trace(*r)
}

// listenerFor returns the address and port of the listener for a request: that for HTTP or HTTPS of Ingress and HTTPProxy, unless it
// does not serve the host and that of a Gateway does: one with the port of the URL, if it is given, and the most specific hostname.
// "" is the first one.
func (p *Preview) listenerFor(r *Request) string {
	host, port := hostOf(r.Host), ""
	if _, text, err := net.SplitHostPort(r.Host); err == nil {
		port = text
	}
	if r.TLS && r.SNI != "" {
		host = strings.ToLower(r.SNI)
	}
	if standard := map[bool]string{false: plainListener, true: secureListener}[r.TLS]; p.served.find(standard, host) != nil {
		return ""
	}
	return p.address(p.gatewayHost(r.TLS, host, port))
}

// gatewayHost returns the host of the listener of a Gateway for requests to a host, and to a port unless it is ""; zero if there is none.
func (p *Preview) gatewayHost(secure bool, host, port string) ir.HostKey {
	var best *ir.VirtualHost
	for k, l := range p.listeners {
		if l.Protocol.Secure() != secure || target(l) == "" || port != "" && port != fmt.Sprint(l.Port) {
			continue
		}
		v := p.served.find(p.socket(k), host)
		if v == nil || v.Key.Listener != k || len(v.Routes) == 0 && v.TCP == nil { // without routes: of a listener for any hostname
			continue
		}
		if best == nil || precedes(v.Key, best.Key) {
			best = v
		}
	}
	if best == nil {
		return ir.HostKey{}
	}
	return best.Key
}

// precedes reports whether the host a is more specific than b, or else its listener comes first.
func precedes(a, b ir.HostKey) bool {
	return cmp.Or(len(b.Hostname)-len(a.Hostname), a.Listener.Compare(b.Listener)) < 0
}

// AnsweredBy reports whether a Service, as namespace/name, may answer.
func (x *Explanation) AnsweredBy(service string) bool {
	return slices.ContainsFunc(x.Answer.From, func(u semantic.Upstream) bool {
		return u.Service == service || strings.HasPrefix(u.Service, service+"/")
	})
}

func hostOf(authority string) string {
	if host, _, err := net.SplitHostPort(authority); err == nil {
		authority = host
	}
	return strings.ToLower(authority)
}

// resolve finds the host and the route of the model that the Envoy's are made of.
func (x *explainer) resolve() {
	host := x.host
	if x.trace.Host == nil && (x.out.Answer.Refused || len(x.out.Answer.From) > 0) { // a connection, not a request
		host = cmp.Or(x.request.SNI, x.host)
	}
	x.vhost = x.served.find(x.trace.Listener, host)
	if x.vhost != nil {
		x.source = translate.SourceRoutes(x.vhost)
	}
	if x.vhost != nil && x.trace.Route != nil {
		x.route = x.source(x.trace.Route)
	}
}

func (x *explainer) step(s Step) {
	at, _ := x.positions.Position(s.Object, s.Field)
	s.File, s.Line = at.File, at.Line
	x.out.Steps = append(x.out.Steps, s)
}

// steps lists how far the request came.
func (x *explainer) steps() {
	if x.trace.Listener == "" {
		return
	}
	x.step(Step{Name: "listener", What: x.trace.Listener})
	if x.out.Answer.Certificate != "" {
		x.step(Step{Name: "certificate", What: x.out.Answer.Certificate})
	}
	if x.vhost == nil {
		return
	}
	for _, o := range x.vhost.Origins {
		x.step(Step{Name: "host", What: x.vhost.Key.Hostname, Object: o, Field: hostnames(x.objects[o])[x.vhost.Key.Hostname]})
	}
	if x.route != nil {
		x.step(x.routeStep("route", x.route))
	}
	x.passed()
	for _, u := range x.out.Answer.From {
		x.step(x.backend(u))
	}
}

func (p *Preview) routeStep(name string, r *ir.Route) Step {
	s := Step{Name: name, What: cmp.Or(matchText(r.Match), "any request"), Object: r.Origin, Field: field(r.Origin.Kind, r.Source)}
	at, _ := p.positions.Position(s.Object, s.Field)
	s.File, s.Line = at.File, at.Line
	return s
}

func (x *explainer) backend(u semantic.Upstream) Step {
	name := u.Service
	service, _, _ := strings.Cut(name[strings.IndexByte(name, '/')+1:], "/")
	k := kobj.Of(kobj.Service, name[:max(0, strings.IndexByte(name, '/'))], service)
	what := name
	if u.Weight > 0 {
		what += fmt.Sprintf(", weight %d", u.Weight)
	}
	if u.Path != "" {
		what += " as " + u.Host + MaskedURL(u.Path)
	}
	if u.Timeout != "" {
		what += ", timeout " + u.Timeout
	}
	if u.Retry != "" {
		what += ", retries " + u.Retry
	}
	if x.assumed[k.Name] {
		what += ", with endpoints assumed: there are none in the files"
	}
	return Step{Name: "backend", What: what, Object: k}
}

// maxPassed bounds the routes that are listed as passed: those that come nearest to the request: it meets
// the condition of the path, or the beginning of it.
const maxPassed = 3

func (x *explainer) passed() {
	type candidate struct {
		Step
		met int
	}
	var all []candidate
	for _, p := range x.trace.Passed {
		r := x.source(p.Route)
		if r == nil {
			continue
		}
		s := x.routeStep("route", r)
		met := 0
		switch {
		case p.Unmet.Kind == "path":
			met = common(x.request.Path, r.Match.Path.Value)
			s.What += ": the path differs"
		case p.Unmet.Name == ":authority" && strings.HasPrefix(x.vhost.Key.Hostname, "*."):
			s.What += ": the wildcard is for one label"
		default:
			met = 1 + len(x.request.Path) + len(r.Match.Path.Value)
			s.What += fmt.Sprintf(": the %s %s differs", p.Unmet.Kind, p.Unmet.Name)
		}
		all = append(all, candidate{s, met})
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return b.met - a.met })
	for _, c := range all[:min(len(all), maxPassed)] {
		x.out.Passed = append(x.out.Passed, c.Step)
	}
}

// common returns the length of the longest beginning that both have.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// others lists the objects that claim the host and have findings, or no part in the answer.
func (x *explainer) others() {
	for _, c := range x.claims(x.host) {
		takesPart := x.vhost != nil && slices.Contains(x.vhost.Origins, c.object)
		found := x.findingsOf(c.object)
		if takesPart && len(found) == 0 {
			continue
		}
		if len(found) == 0 && c.name == x.host {
			found = []Finding{x.noPart(c)}
		}
		x.out.Others = append(x.out.Others, found...)
	}
}

// noPart is the note about an object without findings that claims the host and has no part in the answer.
func (x *explainer) noPart(c claim) Finding {
	f := Finding{Severity: Note, Object: c.object, Field: c.field, Message: fmt.Sprintf("It claims %q, and has no part in the answer.", c.name)}
	if x.request.TLS && !hasTLS(x.objects[c.object]) {
		f.Message = "It has no TLS settings for the host, which is served over plain HTTP only."
	}
	return x.at(f)
}

func (p *Preview) findingsOf(k kobj.Key) []Finding {
	var out []Finding
	for _, f := range p.Findings {
		if f.Object == k {
			out = append(out, f)
		}
	}
	return out
}
