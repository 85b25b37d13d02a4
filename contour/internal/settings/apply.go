package settings

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// Defaults is the configuration without flags in which nothing of d is set. An object starts from other defaults than a
// file, as in Contour: it has no idle timeout of connections, and the xDS server is open to other pods.
func (d Document) Defaults(c config.Config) config.Config {
	if d.file {
		return c
	}
	c.Timeouts.ConnectionIdle = ir.Timeout{}
	c.Process.Server.Host = "0.0.0.0"
	return c
}

// DefaultFiles is the configuration with the default certificate files of the xDS server, unless flags name others, if d is an object.
func (d Document) DefaultFiles(c config.Config) config.Config {
	if s := &c.Process.Server; !d.file && !s.Insecure {
		s.CA = cmp.Or(s.CA, "/certs/ca.crt")
		s.Cert = cmp.Or(s.Cert, "/certs/tls.crt")
		s.Key = cmp.Or(s.Key, "/certs/tls.key")
	}
	return c
}

// Apply is the configuration with what is set in d. An error joins Problems.
func (d Document) Apply(c config.Config) (config.Config, error) {
	a := &applier{doc: d, cfg: c}
	a.process()
	a.objects()
	a.edge()
	a.isolation()
	a.budgets()
	a.authorization()
	a.rateLimits()
	a.headers()
	a.tracing()
	if e := d.spec.Envoy; e != nil {
		a.listeners(*e)
		a.http(*e)
		a.accessLog(*e)
		a.timeouts(e.Timeouts)
		a.cluster(e.Cluster)
		a.runtime(e.RuntimeSettings)
	}
	return a.cfg, errors.Join(a.problems...)
}

// applier is the work on one Document.
type applier struct {
	doc      Document
	cfg      config.Config
	problems []error
}

func (a *applier) errorf(field, format string, args ...any) {
	a.problems = append(a.problems, a.doc.problem(field, format, args...))
}

// setField copies a value that is set.
func setField[T any](into, from *T) {
	if from != nil {
		*into = *from
	}
}

// setText copies a text that is not empty.
func setText[T ~string](into *T, from T) {
	if from != "" {
		*into = from
	}
}

// positive copies a limit that is set. Zero is an error, as in Contour.
func (a *applier) positive(into, from *uint32, field string) {
	if from != nil && *from == 0 {
		a.errorf(field, "0 is less than 1.")
	}
	setField(into, from)
}

func (a *applier) address(into *config.Address, field, host string, port int) {
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			a.errorf(field+".address", "%q is not an IP address.", host)
		}
		into.Host = host
	}
	if port != 0 || a.doc.Sets(field+".port") {
		if port < 1 || port > 65535 {
			a.errorf(field+".port", "%d is not between 1 and 65535.", port)
			return
		}
		into.Port = uint32(port)
	}
}

// oneOf checks that a text is one of those allowed.
func (a *applier) oneOf(field, value string, allowed ...string) bool {
	if slices.Contains(allowed, value) {
		return true
	}
	a.errorf(field, "%q is not one of %s.", value, strings.Join(allowed, ", "))
	return false
}

func (a *applier) process() {
	p, s, own := &a.cfg.Process, a.doc.spec, a.doc.own
	setField(&p.LogDebug, own.Debug)
	setField(&p.API.InCluster, own.InCluster)
	setField(&p.API.Kubeconfig, own.Kubeconfig)
	setField(&p.API.QPS, own.QPS)
	setField(&p.API.Burst, own.Burst)
	if x := s.XDSServer; x != nil {
		a.address(&p.Server.Address, "xdsServer", x.Address, x.Port)
		if t := x.TLS; t != nil {
			setText(&p.Server.CA, t.CAFile)
			setText(&p.Server.Cert, t.CertFile)
			setText(&p.Server.Key, t.KeyFile)
			setField(&p.Server.Insecure, t.Insecure)
		}
	}
	if s.Debug != nil {
		a.address(&p.Debug, "debug", s.Debug.Address, s.Debug.Port)
	}
	if s.Health != nil {
		a.address(&p.Health, "health", s.Health.Address, s.Health.Port)
	}
	if s.Metrics != nil {
		a.address(&p.Metrics, "metrics", s.Metrics.Address, s.Metrics.Port)
		setFiles(&p.MetricsTLS, s.Metrics.TLS)
	}
}

func (a *applier) objects() {
	c, s := &a.cfg, a.doc.spec
	if p := s.HTTPProxy; p != nil {
		setField(&c.Objects.DisablePermitInsecure, p.DisablePermitInsecure)
		a.secret(&c.Objects.FallbackCertificate, "httpproxy.fallbackCertificate", p.FallbackCertificate)
		if len(p.RootNamespaces) > 0 {
			c.Objects.RootNamespaces = p.RootNamespaces
		}
	}
	if i := s.Ingress; i != nil {
		if len(i.ClassNames) > 0 {
			c.Objects.IngressClassNames = i.ClassNames
		}
		if i.StatusAddress != "" {
			c.Status.Addresses = list(i.StatusAddress)
		}
	}
	if g := s.Gateway; g != nil {
		a.object(&c.Gateways.Only, "gateway.gatewayRef", "Gateway", g.GatewayRef)
		c.Gateways.Enabled = c.Gateways.Enabled || c.Gateways.Only != (kobj.Name{})
	}
	setField(&c.Names.ExternalServices, s.EnableExternalNameService)
	if s.Envoy != nil {
		a.secret(&c.Objects.ClientCertificate, "envoy.clientCertificate", s.Envoy.ClientCertificate)
	}
	if s.Envoy != nil && s.Envoy.Service != nil {
		setText(&c.Status.EnvoyService.Name, s.Envoy.Service.Name)
		setText(&c.Status.EnvoyService.Namespace, s.Envoy.Service.Namespace)
	}
}

// list splits at commas and drops what is empty.
func list(s string) []string {
	var items []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (a *applier) listeners(e v1alpha1.EnvoyConfig) {
	l := &a.cfg.Listeners
	for _, at := range []struct {
		field string
		from  *v1alpha1.EnvoyListener
		into  *config.Address
		log   *string
	}{
		{"envoy.http", e.HTTPListener, &l.HTTP, &a.cfg.AccessLog.HTTP},
		{"envoy.https", e.HTTPSListener, &l.HTTPS, &a.cfg.AccessLog.HTTPS},
	} {
		if at.from != nil {
			a.address(at.into, at.field, at.from.Address, at.from.Port)
			setText(at.log, at.from.AccessLog)
		}
	}
	health := cmp.Or(l.Health, l.Stats)
	if e.Health != nil {
		a.address(&health, "envoy.health", e.Health.Address, e.Health.Port)
	}
	if e.Metrics != nil {
		a.address(&l.Stats, "envoy.metrics", e.Metrics.Address, e.Metrics.Port)
		setFiles(&l.StatsTLS, e.Metrics.TLS)
	}
	if o := e.OMEnforcedHealth; o != nil && (o.Address != "" || o.Port != 0 || a.doc.setsBelow("envoy.omEnforcedHealth")) {
		l.OverloadHealth.Host = "0.0.0.0"
		if a.address(&l.OverloadHealth, "envoy.omEnforcedHealth", o.Address, o.Port); o.Port == 0 {
			a.errorf("envoy.omEnforcedHealth.port", "A port is required.")
		}
	}
	if l.Health = health; health == l.Stats {
		l.Health = config.Address{}
	}
	if s := e.Listener; s != nil {
		setField(&l.UseProxyProtocol, s.UseProxyProto)
		a.positive(&l.Connections.BufferLimitBytes, s.PerConnectionBufferLimitBytes, "envoy.listener.per-connection-buffer-limit-bytes")
		a.positive(&l.Connections.MaxConnections, s.MaxConnectionsPerListener, "envoy.listener.maxConnectionsPerListener")
		a.positive(&a.cfg.Runtime.MaxRequestsPerIOCycle, s.MaxRequestsPerIOCycle, "envoy.listener.maxRequestsPerIOCycle")
		a.positive(&l.Connections.AcceptPerSocketEvent, s.MaxConnectionsToAcceptPerSocketEvent, "envoy.listener.maxConnectionsToAcceptPerSocketEvent")
		if s.ConnectionBalancer != "" && a.oneOf("envoy.listener.connectionBalancer", s.ConnectionBalancer, "exact") {
			l.Connections.ExactBalance = true
		}
		a.socketOptions(s.SocketOptions)
		a.tls(s.TLS)
	}
}

func (a *applier) socketOptions(o *v1alpha1.SocketOptions) {
	if o == nil {
		return
	}
	for _, row := range []struct {
		field string
		from  int32
		into  *int32
	}{
		{"envoy.listener.socketOptions.tos", o.TOS, &a.cfg.Listeners.Connections.TypeOfService},
		{"envoy.listener.socketOptions.trafficClass", o.TrafficClass, &a.cfg.Listeners.Connections.TrafficClass},
	} {
		if row.from < 0 || row.from > 255 {
			a.errorf(row.field, "%d is not between 0 and 255.", row.from)
		}
		*row.into = row.from
	}
}

// CheckListeners returns an error if two listeners of c, which is d with flags, have the same socket. It joins Problems: with the
// field of d if that sets one of the two, and without a place otherwise.
func (d Document) CheckListeners(c config.Config) error {
	l := c.Listeners
	var problems []error
	for _, pair := range []struct {
		a, b         config.Address
		field        string
		name, second string
	}{
		{l.HTTPS, l.HTTP, "envoy.https", "HTTPS", "HTTP"},
		{l.Stats, l.HTTP, "envoy.metrics", "metrics", "HTTP"},
		{l.Stats, l.HTTPS, "envoy.metrics", "metrics", "HTTPS"},
		{l.Health, l.HTTP, "envoy.health", "health", "HTTP"},
		{l.Health, l.HTTPS, "envoy.health", "health", "HTTPS"},
		{l.Inspect, l.HTTP, "envoy.network", "administration", "HTTP"},
		{l.Inspect, l.HTTPS, "envoy.network", "administration", "HTTPS"},
		{l.Inspect, l.Stats, "envoy.network", "administration", "metrics"},
		{l.Inspect, l.Health, "envoy.network", "administration", "health"},
		{l.Inspect, l.OverloadHealth, "envoy.network", "administration", "health under overload"},
		{l.OverloadHealth, l.HTTP, "envoy.omEnforcedHealth", "health under overload", "HTTP"},
		{l.OverloadHealth, l.HTTPS, "envoy.omEnforcedHealth", "health under overload", "HTTPS"},
		{l.OverloadHealth, l.Stats, "envoy.omEnforcedHealth", "health under overload", "metrics"},
		{l.OverloadHealth, l.Health, "envoy.omEnforcedHealth", "health under overload", "health"},
	} {
		if pair.a != pair.b || pair.a.Port == 0 {
			continue
		}
		message := fmt.Sprintf("Envoy's listeners for %s and for %s have the same address and port, %s:%d.", pair.name, pair.second, pair.a.Host, pair.a.Port)
		p := Problem{Message: message}
		for _, field := range []string{pair.field + ".port", pair.field + ".address", pair.field + ".adminPort"} {
			if d.Sets(field) {
				p = d.problem(field, "%s", message)
				break
			}
		}
		problems = append(problems, p)
	}
	return errors.Join(problems...)
}
