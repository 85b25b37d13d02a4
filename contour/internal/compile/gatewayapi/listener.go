package gatewayapi

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/provision"
	"contour.example/contour/internal/report"
)

// listener is the verdict on a listener of a Gateway or of a ListenerSet.
type listener struct {
	name     string
	port     gatewayv1.PortNumber
	hostname string // lower case; "" for any
	protocol ir.ListenerProtocol
	secure   bool // HTTPS or TLS
	// passthrough: TLS is not terminated.
	passthrough bool

	kinds    []kobj.Kind // of the routes that may be attached
	from     gatewayv1.FromNamespaces
	selector *metav1.LabelSelector // with from Selector

	certificates []kobj.Name // that can be served
	clients      ir.ClientValidation
	validation   int // its cost, in hosts

	problem    problem // why it is not accepted
	conflict   problem
	unresolved problem
}

// accepted reports whether routes can be attached to the listener.
func (l listener) accepted() bool { return !l.problem.is() && !l.conflict.is() }

// host returns the hostname of the virtual host of the listener.
func (l *listener) host() string { return cmp.Or(l.hostname, "*") }

// chain returns the name of the chain of the listener.
func (l *listener) chain() string {
	if l.secure {
		return l.host()
	}
	return ""
}

// sharesHost reports whether the owner of the listener lets routes of several namespaces have its hostname: the listener names one
// host, and admits them.
func (l *listener) sharesHost() bool {
	return l.hostname != "" && !strings.HasPrefix(l.hostname, "*") && (l.from == gatewayv1.NamespacesFromAll || l.from == gatewayv1.NamespacesFromSelector)
}

// served reports whether the listener is accepted, and has a certificate if it needs one.
func (l listener) served() bool {
	return l.accepted() && (!l.secure || l.passthrough || len(l.certificates) > 0)
}

// listenerBuilder makes the verdicts on the listeners of an object.
type listenerBuilder struct {
	reader *memo.Reader
	env    Env
	key    kobj.Key // of the object
	// clients returns how the clients of HTTPS listeners of a port are validated.
	clients   func(gatewayv1.PortNumber) clientValidation
	dedicated bool // the Gateway has a fleet of its own
	report    report.Collector
}

func (b *listenerBuilder) add(t report.Type, p problem, field string) {
	if p.is() && b.report.Wants(b.key, report.Error) {
		b.report.Collect(report.Diagnostic{Object: b.key, Type: t, Reason: p.Reason, Field: field, Message: p.Message})
	}
}

func (b *listenerBuilder) warn(p problem, field string) {
	if b.report.Wants(b.key, report.Warning) {
		b.report.Collect(report.Diagnostic{Object: b.key, Severity: report.Warning, Type: report.TypeAccepted, Reason: p.Reason, Field: field, Message: p.Message})
	}
}

// reportListeners adds the diagnostics about the problems of listeners.
func (b *listenerBuilder) reportListeners(listeners []listener) {
	for i := range listeners {
		l, field := &listeners[i], fmt.Sprintf("spec.listeners[%d]", i)
		b.add(report.TypeAccepted, l.problem, field)
		b.add(report.TypeConflicted, l.conflict, field)
		b.add(report.TypeResolvedRefs, l.unresolved, field)
	}
}

// listener returns the verdict on a listener, without conflicts with others.
func (b *listenerBuilder) listener(spec *gatewayv1.Listener) listener {
	l := listener{name: string(spec.Name), port: spec.Port}
	var known bool
	if l.protocol, known = protocolOf(spec.Protocol); !known {
		l.problem = problem{report.UnsupportedProtocol, fmt.Sprintf("Protocol %s is not supported; use %s.", report.Quote(string(spec.Protocol)), supportedProtocols)}
		return l
	}
	l.secure = l.protocol.Secure()
	l.passthrough = l.protocol == ir.ListenTLS && spec.TLS != nil && spec.TLS.Mode != nil && *spec.TLS.Mode == gatewayv1.TLSModePassthrough
	if p := validate.Port(int32(spec.Port)); p != "" {
		l.problem = problem{report.UnsupportedValue, fmt.Sprintf("Port %d %s.", spec.Port, p)}
	}
	if b.dedicated && provision.ReservedPort(int32(spec.Port)) {
		l.problem = problem{report.PortUnavailable, fmt.Sprintf("Port %d is one of Envoy itself.", spec.Port)}
	}
	if spec.Hostname != nil && *spec.Hostname != "" && l.hasHostname() {
		name, p := validate.Hostname(string(*spec.Hostname))
		if p != "" || validate.IsAddress(name) {
			l.problem = problem{report.UnsupportedValue, fmt.Sprintf("Hostname %s is not a DNS name, with at most a leading \"*.\".", report.Quote(string(*spec.Hostname)))}
			return l
		}
		l.hostname = name
	}
	b.allowRoutes(&l, spec.AllowedRoutes)
	if l.secure && !l.passthrough {
		b.readTLS(&l, spec.TLS)
	}
	if l.protocol == ir.ListenHTTPS {
		b.validateClients(&l)
	}
	return l
}

// allowRoutes reads which routes may be attached.
func (b *listenerBuilder) allowRoutes(l *listener, allowed *gatewayv1.AllowedRoutes) {
	l.from = gatewayv1.NamespacesFromSame
	l.kinds = l.routeKinds()
	if allowed == nil {
		return
	}
	if n := allowed.Namespaces; n != nil {
		if n.From != nil {
			l.from = *n.From
		}
		l.selector = n.Selector
	}
	if l.from == gatewayv1.NamespacesFromSelector {
		if _, err := metav1.LabelSelectorAsSelector(l.selector); err != nil {
			l.problem = problem{report.UnsupportedValue, "The selector of allowedRoutes.namespaces is not valid."}
		}
	}
	if len(allowed.Kinds) == 0 {
		return
	}
	l.kinds = nil
	for _, k := range allowed.Kinds {
		group := gatewayv1.Group(gatewayv1.GroupName)
		if k.Group != nil {
			group = *k.Group
		}
		switch of := kobj.Kind(k.Kind); {
		case group == gatewayv1.GroupName && slices.Contains(l.routeKinds(), of):
			l.kinds = append(l.kinds, of)
		case !l.unresolved.is():
			l.unresolved = problem{report.InvalidRouteKinds, fmt.Sprintf("Routes of kind %s cannot be attached to the listener.", report.Quote(string(k.Kind)))}
		}
	}
}

// maxCertificates bounds the certificates of a listener, as the API server does.
const maxCertificates = 64

// readTLS reads the certificates of a listener. Those that can be served are, whatever the others are.
func (b *listenerBuilder) readTLS(l *listener, tls *gatewayv1.ListenerTLSConfig) {
	switch {
	case tls == nil || len(tls.CertificateRefs) == 0:
		l.unresolved = problem{report.InvalidCertificateRef, "The listener has no certificateRefs; its connections are closed."}
		return
	case tls.Mode != nil && *tls.Mode != gatewayv1.TLSModeTerminate:
		l.problem = problem{report.UnsupportedValue, fmt.Sprintf("TLS mode %s is not supported with the protocol of the listener; use Terminate.", report.Quote(string(*tls.Mode)))}
		return
	}
	for i := range tls.CertificateRefs[:min(len(tls.CertificateRefs), maxCertificates)] {
		secret, p := b.certificate(&tls.CertificateRefs[i])
		if p.is() {
			l.unresolved = p
			continue
		}
		l.certificates = append(l.certificates, secret)
	}
}

// certificate resolves a reference to a certificate.
func (b *listenerBuilder) certificate(to *gatewayv1.SecretObjectReference) (kobj.Name, problem) {
	if to.Group != nil && *to.Group != "" || to.Kind != nil && kobj.Kind(*to.Kind) != kobj.Secret {
		return kobj.Name{}, problem{report.InvalidCertificateRef, "A certificateRef is not to a Secret."}
	}
	n := kobj.Name{Namespace: b.key.Namespace, Name: string(to.Name)}
	if to.Namespace != nil {
		n.Namespace = string(*to.Namespace)
	}
	expired, f := b.env.Ref.GrantedSecret(b.reader, b.key, n)
	switch {
	case f != nil && f.Problem == ref.NotPermitted:
		return kobj.Name{}, problem{report.RefNotPermitted, f.Message}
	case f != nil:
		return kobj.Name{}, problem{report.InvalidCertificateRef, f.Message}
	}
	if expired && b.report.Wants(b.key, report.Warning) {
		b.report.Collect(report.Diagnostic{
			Object: b.key, Severity: report.Warning, Type: report.TypeResolvedRefs, Reason: report.SecretExpired, Field: "spec.listeners",
			Message: fmt.Sprintf("The certificate in Secret %s has expired.", report.Quote(n.String())),
		})
	}
	return n, problem{}
}

// findConflicts finds the listeners that exclude each other: all of them are in conflict, and none of them wins.
func findConflicts(listeners []listener) {
	type port struct {
		number gatewayv1.PortNumber
		class  protocolClass
	}
	type host struct {
		port
		name string
	}
	ports, hosts := map[port]int{}, map[host]int{}
	for i := range listeners {
		if l := &listeners[i]; !l.problem.is() {
			p := port{l.port, l.class()}
			ports[p]++
			hosts[host{p, l.hostname}]++
		}
	}
	for i := range listeners {
		l := &listeners[i]
		switch p := (port{l.port, l.class()}); {
		case l.problem.is():
		case slices.ContainsFunc(l.class().others(), func(c protocolClass) bool { return ports[port{l.port, c}] > 0 }):
			l.conflict = problem{report.ProtocolConflict, fmt.Sprintf("Another listener of port %d has another protocol.", l.port)}
		case hosts[host{p, l.hostname}] > 1 && !l.hasHostname():
			l.conflict = problem{report.HostnameConflict, fmt.Sprintf("Another listener has port %d and the same protocol.", l.port)}
		case hosts[host{p, l.hostname}] > 1:
			l.conflict = problem{report.HostnameConflict, fmt.Sprintf("Another listener of port %d has the same hostname.", l.port)}
		}
	}
}

// covers reports whether the hostname of a listener or of a route includes all names of another one: "" includes all, a wildcard those
// with any number of labels in place of the star.
func covers(broad, narrow string) bool {
	if broad == "" || broad == narrow {
		return true
	}
	suffix, wildcard := strings.CutPrefix(broad, "*")
	return wildcard && len(narrow) > len(suffix) && strings.HasSuffix(narrow, suffix)
}
