package stagetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3" // so that clusters can be printed
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/table"
)

// XDS returns the text form of resources, without what is equal in all cases: it has virtual hosts instead of route
// tables, filter chains instead of listeners, no settings that all clusters and connection managers share (the goldens of
// translate contain these), and the size of keys and certificates instead of their content.
func XDS(resources []semantic.Resource) ([]byte, error) {
	x := xdsText{}
	for _, r := range resources {
		if err := x.add(r); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Ref, err)
		}
	}
	return yaml.Marshal(x)
}

// xdsText maps sections, such as clusters, to values by name.
type xdsText map[string]map[string]any

func (x xdsText) put(section, name string, value any) {
	if x[section] == nil {
		x[section] = map[string]any{}
	}
	x[section][name] = value
}

func (x xdsText) add(r semantic.Resource) error {
	switch r.Ref.Type {
	case table.Cluster:
		return x.addCluster(r.Body)
	case table.Endpoint:
		return x.addEndpoints(r.Body)
	case table.Secret:
		return x.addSecret(r.Body)
	case table.Listener:
		return x.addListener(r.Body)
	case table.Route:
		return x.addRoutes(r.Body)
	case table.Scope, table.Runtime: // equal in all cases
		return nil
	}
	return errors.New("unknown type")
}

func (x xdsText) addCluster(body []byte) error {
	var c clusterv3.Cluster
	if err := proto.Unmarshal(body, &c); err != nil {
		return err
	}
	c.EdsClusterConfig.EdsConfig = nil
	c.ConnectTimeout, c.CommonLbConfig, c.IgnoreHealthOnHostRemoval, c.PerConnectionBufferLimitBytes = nil, nil, false, nil
	text, err := jsonOf(&c)
	if err != nil {
		return err
	}
	delete(text, "name")
	delete(text, "type")
	x.put("clusters", c.GetName(), text)
	return nil
}

func (x xdsText) addEndpoints(body []byte) error {
	var a endpointv3.ClusterLoadAssignment
	if err := proto.Unmarshal(body, &a); err != nil {
		return err
	}
	addresses := []string{}
	for _, l := range a.GetEndpoints() {
		of := ""
		if l.GetLocality() != nil {
			of = fmt.Sprintf(" of %s, weight %d", l.GetLocality().GetSubZone(), l.GetLoadBalancingWeight().GetValue())
		}
		for _, e := range l.GetLbEndpoints() {
			s := e.GetEndpoint().GetAddress().GetSocketAddress()
			text := fmt.Sprintf("%s:%d", s.GetAddress(), s.GetPortValue())
			if port := e.GetEndpoint().GetHealthCheckConfig().GetPortValue(); port != 0 {
				text += fmt.Sprintf(", checked on %d", port)
			}
			addresses = append(addresses, text+of)
		}
	}
	x.put("endpoints", a.GetClusterName(), addresses)
	return nil
}

func (x xdsText) addSecret(body []byte) error {
	var s tlsv3.Secret
	if err := proto.Unmarshal(body, &s); err != nil {
		return err
	}
	if c := s.GetTlsCertificate(); c != nil {
		x.put("secrets", s.GetName(), fmt.Sprintf("certificate of %d bytes", len(c.GetCertificateChain().GetInlineBytes())))
		return nil
	}
	text := fmt.Sprintf("authorities of %d bytes", len(s.GetValidationContext().GetTrustedCa().GetInlineBytes()))
	if n := len(s.GetValidationContext().GetCrl().GetInlineBytes()); n > 0 {
		text += fmt.Sprintf(", revocation lists of %d bytes", n)
	}
	x.put("secrets", s.GetName(), text)
	return nil
}

// addListener omits the filter chains without a name, which are equal in all cases.
func (x xdsText) addListener(body []byte) error {
	var l listenerv3.Listener
	if err := proto.Unmarshal(body, &l); err != nil {
		return err
	}
	names, err := serverNames(l.GetFilterChainMatcher())
	if err != nil {
		return err
	}
	for _, c := range l.GetFilterChains() {
		if c.GetName() == "" {
			continue
		}
		text, err := chainText(c)
		if err != nil {
			return err
		}
		if names[c.GetName()] != nil {
			text["serverNames"] = names[c.GetName()]
		}
		name := c.GetName()
		if !strings.HasPrefix(l.GetName(), "ingress_") {
			name = l.GetName() + " " + name
		}
		x.put("filterChains", name, text)
	}
	return nil
}

// serverNames returns the server names of filter chains, by the names of the chains. That of any other name has none.
func serverNames(m *xdsmatcherv3.Matcher) (map[string][]string, error) {
	names := map[string][]string{}
	add := func(name string, m *xdsmatcherv3.Matcher_OnMatch) error {
		var chain wrapperspb.StringValue
		err := m.GetAction().GetTypedConfig().UnmarshalTo(&chain)
		names[chain.GetValue()] = append(names[chain.GetValue()], name)
		return err
	}
	exact, wildcards := m.GetMatcherTree().GetExactMatchMap().GetMap(), m.GetOnNoMatch().GetMatcher().GetMatcherList()
	if list := m.GetMatcherList(); list != nil {
		wildcards = list
	}
	if !m.GetMatcherTree().GetInput().GetTypedConfig().MessageIs((*networkv3.ServerNameInput)(nil)) {
		exact = nil
	}
	for _, name := range slices.Sorted(maps.Keys(exact)) {
		if err := add(name, exact[name]); err != nil {
			return nil, err
		}
	}
	for _, w := range wildcards.GetMatchers() {
		if err := add("*"+w.GetPredicate().GetSinglePredicate().GetValueMatch().GetSuffix(), w.GetOnMatch()); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func chainText(c *listenerv3.FilterChain) (map[string]any, error) {
	text := map[string]any{}
	if c.GetTransportSocket() != nil {
		var t tlsv3.DownstreamTlsContext
		if err := c.GetTransportSocket().GetTypedConfig().UnmarshalTo(&t); err != nil {
			return nil, err
		}
		common := t.GetCommonTlsContext()
		text["certificate"] = common.GetTlsCertificateSdsSecretConfigs()[0].GetName()
		for _, more := range common.GetTlsCertificateSdsSecretConfigs()[1:] {
			text["certificate"] = fmt.Sprint(text["certificate"], " ", more.GetName())
		}
		text["tls"] = "TLSv1_2-TLSv1_3" // the default of Envoy
		if p := common.GetTlsParams(); p != nil {
			text["tls"] = fmt.Sprintf("%s-%s", p.GetTlsMinimumProtocolVersion(), p.GetTlsMaximumProtocolVersion())
		}
		text["alpn"] = strings.Join(common.GetAlpnProtocols(), " ")
		if clients := clientsText(&t); clients != "" {
			text["clients"] = clients
		}
	}
	for _, f := range c.GetFilters() {
		if err := filterText(text, f); err != nil {
			return nil, err
		}
	}
	return text, nil
}

// clientsText returns how the certificates of clients are validated; "" if none are requested.
func clientsText(t *tlsv3.DownstreamTlsContext) string {
	common, mode := t.GetCommonTlsContext(), t.GetCommonTlsContext().GetValidationContext()
	by := "nothing"
	if c := common.GetCombinedValidationContext(); c != nil {
		mode, by = c.GetDefaultValidationContext(), fmt.Sprintf("%q", c.GetValidationContextSdsSecretConfig().GetName())
	}
	if mode == nil {
		return ""
	}
	text := "optional"
	if t.GetRequireClientCertificate().GetValue() {
		text = "required"
	}
	text += ", " + strings.ToLower(mode.GetTrustChainVerification().String()) + ", by " + by
	if mode.GetOnlyVerifyLeafCertCrl() {
		text += ", revocation of leaves only"
	}
	return text
}

func filterText(text map[string]any, f *listenerv3.Filter) error {
	packed := f.GetTypedConfig()
	if packed.MessageIs((*tcpproxyv3.TcpProxy)(nil)) {
		var p tcpproxyv3.TcpProxy
		if err := packed.UnmarshalTo(&p); err != nil {
			return err
		}
		p.AccessLog = nil
		fields, err := jsonOf(&p)
		text["tcpProxy"] = fields
		return err
	}
	if packed.MessageIs((*setfilterstatev3.Config)(nil)) {
		var s setfilterstatev3.Config
		err := packed.UnmarshalTo(&s)
		for _, v := range s.GetOnNewConnection() {
			text[v.GetObjectKey()] = v.GetFormatString().GetTextFormatSource().GetInlineString()
		}
		return err
	}
	var m hcmv3.HttpConnectionManager
	if err := packed.UnmarshalTo(&m); err != nil {
		return err
	}
	if text["routes"] = m.GetRds().GetRouteConfigName(); m.GetScopedRoutes() != nil {
		text["routes"] = "by scope"
	}
	if d := m.GetSetCurrentClientCertDetails(); d != nil {
		text["forwardedCertificate"] = fmt.Sprintf("%s: subject=%t cert=%t chain=%t dns=%t uri=%t",
			m.GetForwardClientCertDetails(), d.GetSubject().GetValue(), d.GetCert(), d.GetChain(), d.GetDns(), d.GetUri())
	}
	return nil
}

func (x xdsText) addRoutes(body []byte) error {
	var rc routev3.RouteConfiguration
	if err := proto.Unmarshal(body, &rc); err != nil {
		return err
	}
	for _, vh := range rc.GetVirtualHosts() {
		if vh.GetName() == "misdirected/421" {
			continue
		}
		for _, r := range vh.GetRoutes() {
			r.Metadata = nil
		}
		text, err := jsonOf(vh)
		if err != nil {
			return err
		}
		delete(text, "name")
		x.put("virtualHosts", rc.GetName()+" "+vh.GetName(), text)
	}
	return nil
}

func jsonOf(m proto.Message) (map[string]any, error) {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	return fields, json.Unmarshal(data, &fields)
}
