package stagetest

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/kobj"
)

// GatewayAddresses is a range that contains the addresses of the random Gateways. They are static, and no two Gateways have one in
// common: which Gateway has an address otherwise depends on former objects.
const GatewayAddresses = "127.100.0.0/16"

// gatewayObject returns an object of a kind that the Gateway API uses; nil for other kinds.
func (g *Random) gatewayObject(kind kobj.Kind, meta metav1.ObjectMeta) metav1.Object {
	switch kind {
	case kobj.GatewayClass:
		return &gatewayv1.GatewayClass{ObjectMeta: meta, Spec: gatewayv1.GatewayClassSpec{
			ControllerName: mostly(g, []gatewayv1.GatewayController{"projectcontour.io/gateway-controller"}, "example.com/other"),
		}}
	case kobj.Gateway:
		return g.gateway(meta)
	case kobj.ListenerSet:
		return g.listenerSet(meta)
	case kobj.HTTPRoute:
		r := &gatewayv1.HTTPRoute{ObjectMeta: meta}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.parents(), g.hostnames()
		g.repeat(3, func() { r.Spec.Rules = append(r.Spec.Rules, g.httpRule()) })
		return r
	case kobj.GRPCRoute:
		r := &gatewayv1.GRPCRoute{ObjectMeta: meta}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.parents(), g.hostnames()
		g.repeat(2, func() { r.Spec.Rules = append(r.Spec.Rules, g.grpcRule()) })
		return r
	case kobj.TLSRoute:
		r := &gatewayv1.TLSRoute{ObjectMeta: meta}
		r.Spec.ParentRefs, r.Spec.Hostnames = g.parents(), g.hostnames()
		r.Spec.Rules = []gatewayv1.TLSRouteRule{{BackendRefs: g.backendRefs()}}
		return r
	case kobj.TCPRoute:
		r := &gatewayv1.TCPRoute{ObjectMeta: meta}
		r.Spec.ParentRefs = g.parents()
		r.Spec.Rules = []gatewayv1.TCPRouteRule{{BackendRefs: g.backendRefs()}}
		return r
	case kobj.ReferenceGrant:
		return g.grant(meta)
	case kobj.BackendTLSPolicy:
		return g.backendPolicy(meta)
	case kobj.ConfigMap:
		c := &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"ca.crt": string(pick(g, g.pairs...).Certificate)}}
		switch g.rand.IntN(10) {
		case 0:
			c.Data = nil
		case 1:
			c.Data["ca.crt"] = "-----BEGIN CERTIFICATE-----\n"
		}
		return c
	case kobj.Namespace:
		meta.Labels = map[string]string{"team": pick(g, "a", "b")}
		return &corev1.Namespace{ObjectMeta: meta}
	default:
		return nil
	}
}

// gatewayKey returns the key of an object of a kind that the Gateway API uses.
func (g *Random) gatewayKey(kind kobj.Kind) kobj.Key {
	switch kind {
	case kobj.GatewayClass:
		return kobj.Of(kind, "", "contour")
	case kobj.Namespace:
		return kobj.Of(kind, "", g.namespace())
	case kobj.Gateway:
		return kobj.Of(kind, g.namespace(), g.name("gateway"))
	case kobj.ListenerSet:
		return kobj.Of(kind, g.namespace(), g.name("set"))
	case kobj.ReferenceGrant:
		return kobj.Of(kind, g.namespace(), g.name("grant"))
	case kobj.BackendTLSPolicy:
		return kobj.Of(kind, g.namespace(), g.name("policy"))
	case kobj.ConfigMap:
		return kobj.Of(kind, g.namespace(), g.name("ca"))
	default:
		return kobj.Of(kind, g.namespace(), g.name("route"))
	}
}

func (g *Random) gateway(meta metav1.ObjectMeta) *gatewayv1.Gateway {
	o := &gatewayv1.Gateway{ObjectMeta: meta}
	o.Spec.GatewayClassName = mostly(g, []gatewayv1.ObjectName{"contour"}, "other", "")
	own := fmt.Sprintf("127.100.%d.%s", meta.Namespace[0], strings.TrimPrefix(meta.Name, "gateway-"))
	o.Spec.Addresses = []gatewayv1.GatewaySpecAddress{{Type: new(gatewayv1.IPAddressType), Value: own}}
	switch g.rand.IntN(20) {
	case 0:
		o.Spec.Addresses = append(o.Spec.Addresses, gatewayv1.GatewaySpecAddress{Type: new(gatewayv1.IPAddressType), Value: pick(g, "192.0.2.1", "no address")})
	case 1:
		o.Spec.Addresses[0].Type = new(gatewayv1.HostnameAddressType)
	}
	for i := range g.rand.IntN(4) {
		o.Spec.Listeners = append(o.Spec.Listeners, g.listener(gatewayv1.SectionName(fmt.Sprint("l", i))))
	}
	o.Spec.AllowedListeners = g.allowedListeners()
	if g.oneIn(3) {
		o.Spec.TLS = &gatewayv1.GatewayTLSConfig{Frontend: g.frontend()}
	}
	if g.oneIn(4) {
		if o.Spec.TLS == nil {
			o.Spec.TLS = &gatewayv1.GatewayTLSConfig{}
		}
		o.Spec.TLS.Backend = &gatewayv1.GatewayBackendTLS{ClientCertificateRef: &gatewayv1.SecretObjectReference{
			Kind: mostly(g, []*gatewayv1.Kind{nil, new(gatewayv1.Kind("Secret"))}, new(gatewayv1.Kind("ConfigMap"))),
			Name: gatewayv1.ObjectName(g.name("secret")), Namespace: g.elsewhere(),
		}}
	}
	return o
}

func (g *Random) listenerSet(meta metav1.ObjectMeta) *gatewayv1.ListenerSet {
	o := &gatewayv1.ListenerSet{ObjectMeta: meta}
	o.Spec.ParentRef = gatewayv1.ParentGatewayReference{Name: gatewayv1.ObjectName(g.name("gateway")), Namespace: g.elsewhere()}
	if g.oneIn(20) {
		o.Spec.ParentRef.Kind = new(gatewayv1.Kind("Service"))
	}
	for i := range g.rand.IntN(4) {
		o.Spec.Listeners = append(o.Spec.Listeners, gatewayv1.ListenerEntry(g.listener(gatewayv1.SectionName(fmt.Sprint("l", i)))))
	}
	return o
}

// allowedListeners returns which ListenerSets a Gateway allows.
func (g *Random) allowedListeners() *gatewayv1.AllowedListeners {
	from := pick(g, gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSame, gatewayv1.NamespacesFromSelector, gatewayv1.NamespacesFromNone)
	n := &gatewayv1.ListenerNamespaces{From: &from}
	if from == gatewayv1.NamespacesFromSelector {
		n.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": mostly(g, texts{"a", "b"}, "bad value")}}
	}
	return pick(g, nil, &gatewayv1.AllowedListeners{Namespaces: n}, &gatewayv1.AllowedListeners{Namespaces: n}, &gatewayv1.AllowedListeners{Namespaces: n})
}

func (g *Random) listener(name gatewayv1.SectionName) gatewayv1.Listener {
	l := gatewayv1.Listener{
		Name: name, Port: mostly(g, []gatewayv1.PortNumber{8080, 8081, 8443, 8444, 9000}, 0, 70000), Hostname: g.hostname(),
		Protocol: mostly(g, []gatewayv1.ProtocolType{gatewayv1.HTTPProtocolType, gatewayv1.HTTPSProtocolType}, gatewayv1.TLSProtocolType, gatewayv1.TCPProtocolType, "made.up/protocol"),
	}
	if of := map[gatewayv1.PortNumber]gatewayv1.ProtocolType{
		8443: gatewayv1.HTTPSProtocolType, 8444: gatewayv1.TLSProtocolType, 9000: gatewayv1.TCPProtocolType,
	}[l.Port]; of != "" && !g.oneIn(20) {
		l.Protocol = of
	}
	switch l.Protocol {
	case gatewayv1.TLSProtocolType:
		l.TLS = &gatewayv1.ListenerTLSConfig{Mode: pick(g, new(gatewayv1.TLSModeTerminate), new(gatewayv1.TLSModePassthrough)), CertificateRefs: []gatewayv1.SecretObjectReference{{
			Name: gatewayv1.ObjectName(g.name("secret")),
		}}}
	case gatewayv1.HTTPSProtocolType:
		l.TLS = &gatewayv1.ListenerTLSConfig{Mode: mostly(g, []*gatewayv1.TLSModeType{nil, new(gatewayv1.TLSModeTerminate)}, new(gatewayv1.TLSModePassthrough))}
		for range g.rand.IntN(3) {
			l.TLS.CertificateRefs = append(l.TLS.CertificateRefs, gatewayv1.SecretObjectReference{
				Kind: mostly(g, []*gatewayv1.Kind{nil, new(gatewayv1.Kind("Secret"))}, new(gatewayv1.Kind("ConfigMap"))),
				Name: gatewayv1.ObjectName(g.name("secret")), Namespace: g.elsewhere(),
			})
		}
	default:
	}
	l.AllowedRoutes = &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{
		From: pick(g, nil, new(gatewayv1.NamespacesFromAll), new(gatewayv1.NamespacesFromAll), new(gatewayv1.NamespacesFromSelector), new(gatewayv1.NamespacesFromNone)),
	}}
	if n := l.AllowedRoutes.Namespaces; n.From != nil && *n.From == gatewayv1.NamespacesFromSelector {
		n.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"team": mostly(g, texts{"a", "b"}, "bad value")}}
	}
	if g.oneIn(6) {
		l.AllowedRoutes.Kinds = []gatewayv1.RouteGroupKind{{Kind: pick(g, gatewayv1.Kind("HTTPRoute"), "GRPCRoute", "TCPRoute")}}
	}
	return l
}

func (g *Random) frontend() *gatewayv1.FrontendTLSConfig {
	validation := func() *gatewayv1.FrontendTLSValidation {
		return &gatewayv1.FrontendTLSValidation{
			Mode: mostly(g, []gatewayv1.FrontendValidationModeType{"", gatewayv1.AllowValidOnly, gatewayv1.AllowInsecureFallback}, "Other"),
			CACertificateRefs: []gatewayv1.ObjectReference{{
				Kind: mostly(g, []gatewayv1.Kind{"ConfigMap"}, "Secret"), Name: gatewayv1.ObjectName(g.name("ca")), Namespace: g.elsewhere(),
			}},
		}
	}
	f := &gatewayv1.FrontendTLSConfig{}
	if g.oneIn(2) {
		f.Default.Validation = validation()
	}
	if g.oneIn(2) {
		f.PerPort = []gatewayv1.TLSPortConfig{{Port: 8443, TLS: gatewayv1.TLSConfig{Validation: validation()}}}
	}
	return f
}

// elsewhere returns the namespace of a reference, mostly that of the object.
func (g *Random) elsewhere() *gatewayv1.Namespace {
	return pick(g, nil, nil, nil, new(gatewayv1.Namespace(g.namespace())))
}

func (g *Random) hostname() *gatewayv1.Hostname {
	if g.oneIn(3) {
		return nil
	}
	return new(gatewayv1.Hostname(g.host()))
}

func (g *Random) hostnames() (out []gatewayv1.Hostname) {
	g.repeat(2, func() { out = append(out, gatewayv1.Hostname(g.host())) })
	return out
}

func (g *Random) parents() (out []gatewayv1.ParentReference) {
	for range 1 + g.rand.IntN(2) {
		p := gatewayv1.ParentReference{Name: gatewayv1.ObjectName(g.name("gateway")), Namespace: g.elsewhere()}
		if g.oneIn(3) {
			p.Kind, p.Name = new(gatewayv1.Kind(kobj.ListenerSet)), gatewayv1.ObjectName(g.name("set"))
		}
		if g.oneIn(4) {
			p.SectionName = new(pick(g, gatewayv1.SectionName("l0"), "l1", "absent"))
		}
		if g.oneIn(6) {
			p.Port = new(pick(g, gatewayv1.PortNumber(8080), 8443))
		}
		if g.oneIn(20) {
			p.Kind = new(gatewayv1.Kind("Service"))
		}
		out = append(out, p)
	}
	return out
}

func (g *Random) grant(meta metav1.ObjectMeta) *gatewayv1.ReferenceGrant {
	o := &gatewayv1.ReferenceGrant{ObjectMeta: meta}
	for range 1 + g.rand.IntN(2) {
		o.Spec.From = append(o.Spec.From, gatewayv1.ReferenceGrantFrom{
			Group: mostly(g, []gatewayv1.Group{gatewayv1.GroupName}, ""), Kind: pick(g, gatewayv1.Kind("HTTPRoute"), "GRPCRoute", "TLSRoute", "TCPRoute", "Gateway", "ListenerSet"),
			Namespace: gatewayv1.Namespace(g.namespace()),
		})
		to := gatewayv1.ReferenceGrantTo{Kind: pick(g, gatewayv1.Kind("Service"), "Secret", "ConfigMap")}
		if g.oneIn(3) {
			to.Name = new(gatewayv1.ObjectName(g.name(pick(g, "service", "secret", "ca"))))
		}
		o.Spec.To = append(o.Spec.To, to)
	}
	return o
}
