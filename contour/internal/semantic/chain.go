package semantic

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/set_filter_state/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

// connect selects the filter chain of the connection, performs the handshake and continues with the network filter.
func (x *exchange) connect(l *listenerv3.Listener) (Answer, error) {
	if err := checkFields(l, "name address additional_addresses filter_chains listener_filters tcp_keepalive per_connection_buffer_limit_bytes filter_chain_matcher"); err != nil {
		return Answer{}, err
	}
	chain, err := x.chain(l)
	if err != nil || chain == nil {
		return Answer{Refused: true}, err
	}
	x.trace.Chain = chain
	var a Answer
	if chain.GetTransportSocket() != nil {
		certificate, ok, err := x.handshake(chain.GetTransportSocket())
		if err != nil || !ok {
			return Answer{Refused: true}, err
		}
		a.Certificate = certificate
	}
	filters := chain.GetFilters()
	if len(filters) == 0 {
		return Answer{Refused: true}, nil
	}
	for _, f := range filters[:len(filters)-1] {
		if err := x.setState(f); err != nil {
			return a, fmt.Errorf("filter chain %q: %w", chain.GetName(), err)
		}
	}
	return x.networkFilter(a, filters[len(filters)-1])
}

// setState runs a network filter that sets filter state, to texts without command operators.
func (x *exchange) setState(f *listenerv3.Filter) error {
	config, err := unpack(f.GetTypedConfig(), &setfilterstatev3.Config{})
	if err != nil {
		return err
	}
	for _, v := range config.GetOnNewConnection() {
		text := v.GetFormatString().GetTextFormatSource().GetInlineString()
		if v.GetFactoryKey() != "envoy.string" || text == "" || strings.Contains(text, "%") {
			return fmt.Errorf("the model does not support the filter state %s", v.GetObjectKey())
		}
		x.state[v.GetObjectKey()] = text
	}
	return nil
}

// handshake returns the first DNS name of the served certificate; false if the handshake fails.
func (x *exchange) handshake(s *corev3.TransportSocket) (certificate string, ok bool, err error) {
	context, err := unpack(s.GetTypedConfig(), &tlsv3.DownstreamTlsContext{})
	if err != nil {
		return "", false, err
	}
	common := context.GetCommonTlsContext()
	if err := errors.Join(
		checkFields(context, "common_tls_context require_client_certificate disable_stateless_session_resumption disable_stateful_session_resumption"),
		checkFields(common, "tls_params tls_certificate_sds_secret_configs alpn_protocols validation_context combined_validation_context"),
		checkFields(common.GetTlsParams(), "tls_minimum_protocol_version tls_maximum_protocol_version cipher_suites"),
	); err != nil {
		return "", false, err
	}
	if len(common.GetTlsCertificateSdsSecretConfigs()) == 0 {
		return "", false, errors.New("there is no certificate by SDS")
	}
	if ok, err := x.sharesVersion(common.GetTlsParams()); err != nil || !ok {
		return "", false, err
	}
	secret := x.envoy.secret(common.GetTlsCertificateSdsSecretConfigs()[0].GetName())
	if secret == nil {
		return "", false, nil
	}
	x.HTTP2 = x.HTTP2 && slices.Contains(common.GetAlpnProtocols(), "h2") // else both negotiate HTTP/1.1
	if admitted, err := x.admits(context); err != nil || !admitted {
		return "", false, err
	}
	name, err := firstName(secret.GetTlsCertificate().GetCertificateChain().GetInlineBytes())
	return name, true, err
}

// sharesVersion reports whether client and server have a TLS version in common.
func (x *exchange) sharesVersion(p *tlsv3.TlsParameters) (bool, error) {
	versions := map[string]tlsv3.TlsParameters_TlsProtocol{"1.2": tlsv3.TlsParameters_TLSv1_2, "1.3": tlsv3.TlsParameters_TLSv1_3}
	lowest, highest := serverVersions(p)
	if x.Version == "" {
		return lowest <= highest, nil
	}
	v, ok := versions[x.Version]
	if !ok {
		return false, fmt.Errorf("unknown TLS version %q", x.Version)
	}
	return lowest <= v && v <= highest, nil
}

// serverVersions returns the TLS versions of the server; Envoy's default if they are not configured.
func serverVersions(p *tlsv3.TlsParameters) (lowest, highest tlsv3.TlsParameters_TlsProtocol) {
	lowest, highest = p.GetTlsMinimumProtocolVersion(), p.GetTlsMaximumProtocolVersion()
	if lowest == tlsv3.TlsParameters_TLS_AUTO {
		lowest = tlsv3.TlsParameters_TLSv1_2
	}
	if highest == tlsv3.TlsParameters_TLS_AUTO {
		highest = tlsv3.TlsParameters_TLSv1_3
	}
	return lowest, highest
}

func firstName(chain []byte) (string, error) {
	block, _ := pem.Decode(chain)
	if block == nil {
		return "", errors.New("the certificate chain is not PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("certificate: %w", err)
	}
	if len(certificate.DNSNames) > 0 {
		return certificate.DNSNames[0], nil
	}
	return certificate.Subject.CommonName, nil
}

// networkFilter continues with the network filter of the chain.
func (x *exchange) networkFilter(a Answer, f *listenerv3.Filter) (Answer, error) {
	packed := f.GetTypedConfig()
	switch {
	case packed.MessageIs((*hcmv3.HttpConnectionManager)(nil)):
		m, err := unpack(packed, &hcmv3.HttpConnectionManager{})
		if err != nil {
			return a, err
		}
		return x.handleHTTP(a, m)
	case packed.MessageIs((*tcpproxyv3.TcpProxy)(nil)):
		p, err := unpack(packed, &tcpproxyv3.TcpProxy{})
		if err != nil {
			return a, err
		}
		return x.handleTCP(a, p)
	}
	return a, unsupportedMessage("network filter", packed)
}

// handleHTTP implements the HTTP connection manager.
func (x *exchange) handleHTTP(a Answer, m *hcmv3.HttpConnectionManager) (Answer, error) {
	if err := checkFields(m, `stat_prefix rds http_filters http_protocol_options access_log use_remote_address normalize_path
		merge_slashes preserve_external_request_id common_http_protocol_options http2_protocol_options request_headers_timeout
		scoped_routes early_header_mutation_extensions local_reply_config upgrade_configs forward_client_cert_details
		set_current_client_cert_details tracing path_with_escaped_slashes_action max_request_headers_kb codec_type strip_trailing_host_dot
		server_header_transformation xff_num_trusted_hops request_timeout stream_idle_timeout drain_timeout delayed_close_timeout`); err != nil {
		return a, err
	}
	if !m.GetNormalizePath().GetValue() {
		return a, errors.New("the model does not support paths that are not normalized")
	}
	if !x.speaks(m.GetCodecType()) {
		x.trace.Rejected = "the client uses a version of HTTP that the listener does not accept"
		return Answer{Refused: true, Certificate: a.Certificate}, nil
	}
	status, err := x.limitHeaders(m)
	switch limited := err != nil || status != 0; {
	case x.malformed() && limited: // either may be found first
		return a, errors.New("neither the method nor the headers are permitted")
	case x.malformed():
		x.trace.Rejected = "the method is none that Envoy knows"
		a.Status, x.ownReply = http.StatusBadRequest, true
		return a, nil
	case errors.Is(err, errReset):
		return Answer{Refused: true, Certificate: a.Certificate}, nil
	case limited:
		a.Status = status
		return a, err
	}
	if a.Status, a.Location = x.normalizePath(m); a.Status != 0 {
		// With another scheme from a proxy, Envoy was seen to add the headers of a route to some of these replies.
		_, a.ChangesVary = x.headers[forwardedProto]
		return a, nil
	}
	x.identifyClient(m)
	x.locateClient(m)
	x.stripDot(m)
	x.bridgeWeb()
	x.filters = m.GetHttpFilters()
	for _, f := range x.filters {
		status, err := x.httpFilter(f)
		if err != nil || status != 0 {
			a.Status = status
			return a, err
		}
	}
	if m.GetScopedRoutes() != nil {
		a, err = x.routeScoped(a, m)
	} else {
		a, err = x.routeDirected(a, m, x.envoy.routeTable(m.GetRds().GetRouteConfigName()))
	}
	nameServer(&a, m.GetServerHeaderTransformation())
	return a, errors.Join(err, x.compress(&a))
}

// nameServer leaves the header server out of the changes as far as the connection manager sets it after all others.
func nameServer(a *Answer, by hcmv3.HttpConnectionManager_ServerHeaderTransformation) {
	const server = "server"
	if by == hcmv3.HttpConnectionManager_PASS_THROUGH {
		return
	}
	changes := []*Changes{&a.Changes}
	for i := range a.From {
		changes = append(changes, &a.From[i].Response)
	}
	for _, c := range changes {
		c.Removed = slices.DeleteFunc(slices.Clone(c.Removed), func(name string) bool { return name == server })
		if by == hcmv3.HttpConnectionManager_OVERWRITE {
			delete(c.Set, server)
		}
	}
}

// speaks reports whether the version of HTTP of the request is one that the listener accepts. To HTTP/2 a listener for HTTP/1.1 responds with
// text that is none of HTTP/2; a listener for HTTP/2 closes connections of HTTP/1.1.
func (x *exchange) speaks(codec hcmv3.HttpConnectionManager_CodecType) bool {
	return codec == hcmv3.HttpConnectionManager_AUTO || x.HTTP2 == (codec == hcmv3.HttpConnectionManager_HTTP2)
}

// malformed reports whether the parser of HTTP/1.1 rejects the method.
func (x *exchange) malformed() bool { return !x.HTTP2 && !slices.Contains(methods(), x.Method) }

// methods are those that Envoy accepts with HTTP/1.1.
func methods() []string {
	return strings.Fields(`ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MOVE MSEARCH NOTIFY OPTIONS
		PATCH POST PROPFIND PROPPATCH PURGE PUT REBIND REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE`)
}

// stripDot removes the dot at the end of the host, if that is wanted.
func (x *exchange) stripDot(m *hcmv3.HttpConnectionManager) {
	if !m.GetStripTrailingHostDot() {
		return
	}
	host, port, err := net.SplitHostPort(x.authority)
	if err != nil {
		host, port = x.authority, ""
	}
	if host, found := strings.CutSuffix(host, "."); found {
		if x.authority = host; port != "" {
			x.authority += ":" + port
		}
		x.host = hostname(x.authority)
		x.headers[":authority"] = x.authority
	}
}

// httpFilter returns the status with which a filter answers, 0 if it does not answer.
func (x *exchange) httpFilter(f *hcmv3.HttpFilter) (int, error) {
	packed := f.GetTypedConfig()
	if f.GetDisabled() {
		return 0, nil
	}
	switch packed.MessageName().Name() {
	case "Compressor", "GrpcWeb", "FilterConfig", "Router", "ExtAuthz":
		return 0, nil
	case "Cors", "FilterChainConfig", "Composite":
		if len(packed.GetValue()) > 0 {
			return 0, errors.New("the model supports the filter only with configuration of routes")
		}
		return 0, nil
	case "Lua":
		script, err := unpack(packed, &luav3.Lua{})
		if err != nil {
			return 0, err
		}
		switch script.GetSharedVmId() {
		case misdirectedVM, coalescedVM, dispatchFilter, ownTableFilter: // see misdirected and routeScoped
			return 0, nil
		default:
			return 0, errors.New("the model does not support the script")
		}
	}
	return 0, unsupportedMessage("HTTP filter", packed)
}

// handleTCP implements the TCP proxy: the backend answers.
func (x *exchange) handleTCP(a Answer, p *tcpproxyv3.TcpProxy) (Answer, error) {
	if err := checkFields(p, "stat_prefix idle_timeout access_log cluster weighted_clusters"); err != nil {
		return a, err
	}
	weights := map[string]uint32{}
	var order []string
	if c := p.GetCluster(); c != "" {
		order = []string{c}
	}
	for _, w := range p.GetWeightedClusters().GetClusters() {
		if err := checkFields(w, "name weight"); err != nil {
			return a, err
		}
		order = append(order, w.GetName())
		weights[w.GetName()] += w.GetWeight()
	}
	for _, name := range order {
		u, ready, err := x.envoy.upstream(name, true)
		if err != nil {
			return a, err
		}
		if !ready {
			a.Refused = true
			a.Lost += weights[name]
			continue
		}
		u.Weight = weights[name]
		a.From = append(a.From, u)
	}
	if len(a.From) > 0 {
		a.Refused, a.Status = false, 200
	} else {
		a.Lost = 0
	}
	return a, nil
}
