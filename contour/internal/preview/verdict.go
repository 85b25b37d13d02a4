package preview

import (
	"fmt"
	"slices"
	"strings"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
)

// verdict returns the outcome of the request and its cause, in one line.
func (x *explainer) verdict() string {
	a := x.out.Answer
	switch {
	case a.Refused:
		return x.refused()
	case len(a.From) > 0:
		return "answered by " + backends(a.From) + x.lost() + x.asked()
	case a.Location != "":
		return fmt.Sprintf("%d to %s%s", a.Status, MaskedURL(a.Location), x.redirected())
	}
	return fmt.Sprintf("%d: %s%s", a.Status, x.local(), x.toGRPC())
}

// toGRPC says what a client of gRPC receives instead.
func (x *explainer) toGRPC() string {
	if x.out.Answer.GRPCStatus == "" {
		return ""
	}
	return fmt.Sprintf("; a client of gRPC receives 200 and grpc-status %s", x.out.Answer.GRPCStatus)
}

// refused returns why there is no connection, or why it is closed.
func (x *explainer) refused() string {
	sni := x.request.SNI
	if sni == "" {
		sni = x.host
	}
	switch {
	case x.trace.Rejected != "":
		return "the stream is reset: " + x.trace.Rejected
	case x.trace.Listener == "" && x.request.TLS:
		return "no connection: no host is served over TLS" + x.because()
	case x.trace.Listener == "":
		return "no connection: no host is served" + x.because()
	case x.trace.Chain == nil && sni == "-":
		return "no TLS connection: the client sends no server name"
	case x.trace.Chain == nil:
		return fmt.Sprintf("no TLS connection: no host has the server name %s%s", sni, x.because())
	case x.vhost != nil && x.vhost.TLS != nil && x.vhost.TLS.CloseConnections:
		return "the connection is closed" + x.cause(x.vhost.Origins...)
	}
	return "the connection is closed: TLS version, certificate or backends do not permit it" + x.cause(x.origins()...)
}

// local returns why Envoy responds itself.
func (x *explainer) local() string {
	a := x.out.Answer
	switch {
	case x.trace.Rejected != "":
		return x.trace.Rejected
	case a.Status == 421:
		return "the request is misdirected: the connection is for another host than " + x.host
	case x.trace.Host == nil || x.vhost == nil:
		return "no host " + x.host + x.because()
	case x.trace.Route == nil:
		return "no route of " + x.vhost.Key.Hostname + " matches " + MaskedURL(x.request.Path) + x.nearest()
	case x.route == nil:
		return "Envoy responds itself"
	}
	if cause := x.cause(x.route.Origin); cause != "" && (x.route.Direct != nil || a.Status >= 500) {
		return strings.TrimPrefix(cause, ": ")
	}
	return x.byRoute(a.Status)
}

// byRoute returns why Envoy responds itself with a status to a request that a route matches.
func (x *explainer) byRoute(status int) string {
	at := fmt.Sprintf("%s %s", x.route.Origin, field(x.route.Origin.Kind, x.route.Source))
	switch {
	case x.trace.ByFilter:
		return "a policy of " + at + " responds"
	case x.keysUnknown():
		return "the keys that verify the tokens of " + at + " are not in the files; with them, a request without a valid token is answered with 401"
	case x.route.Direct != nil:
		return "as " + at + " specifies"
	case x.route.Forward != nil && status == 503:
		return "no backend of " + at + " has an endpoint that is ready"
	case x.route.Forward != nil && status == 403 && x.request.Upgrade != "" && !x.route.Forward.Websocket:
		return at + " does not permit WebSockets"
	}
	return "a policy of " + at + " responds"
}

// keysUnknown reports whether the route responds in place of verifying tokens, whose keys the controller fetches.
func (x *explainer) keysUnknown() bool {
	of := x.route.Policies.WithDefaults(x.vhost.Policies).JWT
	return x.route.Forward != nil && of != nil && of.Unavailable
}

// asked says that services decide about the request, too.
func (x *explainer) asked() string {
	if len(x.trace.Asked) == 0 {
		return ""
	}
	return ", if the " + strings.Join(slices.Compact(slices.Clone(x.trace.Asked)), " and the ") + " service allows the request"
}

// lost says which share of the requests no backend answers.
func (x *explainer) lost() string {
	if x.out.Answer.Lost == 0 {
		return ""
	}
	return fmt.Sprintf("; backends with weight %d do not exist or have no endpoints%s", x.out.Answer.Lost, x.cause(x.origins()...))
}

func (x *explainer) redirected() string {
	if x.trace.Rejected != "" {
		return ": " + x.trace.Rejected
	}
	if x.route == nil || x.route.Redirect == nil {
		return ""
	}
	if x.route.Redirect.HTTPS {
		return fmt.Sprintf(": %s has TLS, and redirects plain HTTP", x.route.Origin)
	}
	return fmt.Sprintf(", as %s %s specifies", x.route.Origin, field(x.route.Origin.Kind, x.route.Source))
}

// origins returns the object of the route and those of the host.
func (x *explainer) origins() []kobj.Key {
	var out []kobj.Key
	if x.route != nil {
		out = append(out, x.route.Origin)
	}
	if x.vhost != nil {
		out = append(out, x.vhost.Origins...)
	}
	return out
}

// cause returns the error that explains the answer: of the route if there is one, else of the objects.
func (x *explainer) cause(of ...kobj.Key) string {
	var first *Finding
	for i := range x.Findings {
		f := &x.Findings[i]
		if f.Severity != Error || !slices.Contains(of, f.Object) {
			continue
		}
		if x.route != nil && f.Object == x.route.Origin && within(f.Field, field(x.route.Origin.Kind, x.route.Source)) {
			return ": " + f.short()
		}
		if first == nil {
			first = f
		}
	}
	if first == nil || x.route != nil && x.route.Direct == nil {
		return ""
	}
	return ": " + first.short()
}

// within reports whether a field is another one or in it.
func within(field, of string) bool {
	rest, ok := strings.CutPrefix(field, of)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// because returns why the objects that claim the host are not served, or which host is similar.
func (x *explainer) because() string {
	for _, f := range x.out.Others {
		return ": " + f.short()
	}
	if name := x.similarHost(x.host); name != "" {
		return fmt.Sprintf("; did you mean %s?", name)
	}
	return ""
}

// nearest returns the route that comes nearest to the request.
func (x *explainer) nearest() string {
	if len(x.out.Passed) == 0 {
		return ""
	}
	return "; nearest: " + x.out.Passed[0].What
}

// short is the finding as a part of a line.
func (f *Finding) short() string {
	text := f.Object.String()
	if f.Field != "" {
		text += " " + f.Field
	}
	return text + ": " + strings.TrimSuffix(f.Message, ".")
}

func backends(from []semantic.Upstream) string {
	var names []string
	for _, u := range from {
		name := "Service " + u.Service
		if u.Weight > 0 && len(from) > 1 {
			name += fmt.Sprintf(" (weight %d)", u.Weight)
		}
		names = append(names, name)
	}
	return strings.Join(names, " or ")
}
