package semantic

import (
	"errors"
	"fmt"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
)

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// upstream returns the backend of a cluster; false if it does not exist or has no endpoints.
func (e *Envoy) upstream(cluster string, bytes bool) (Upstream, bool, error) {
	c := e.cluster(cluster)
	if c == nil {
		return Upstream{}, false, nil
	}
	if err := checkFields(c, `name alt_stat_name type eds_cluster_config connect_timeout lb_policy round_robin_lb_config least_request_lb_config health_checks common_lb_config
		ignore_health_on_host_removal circuit_breakers per_connection_buffer_limit_bytes typed_extension_protocol_options transport_socket`); err != nil {
		return Upstream{}, false, err
	}
	if c.GetType() != clusterv3.Cluster_EDS {
		return Upstream{}, false, fmt.Errorf("cluster %s: the model supports only EDS", cluster)
	}
	assigned := c.GetEdsClusterConfig().GetServiceName()
	service, _, _ := strings.Cut(assigned, ":") // after it: the port of health checks
	u := Upstream{Service: service}
	http2, err := usesHTTP2(c)
	if err != nil {
		return u, false, fmt.Errorf("cluster %s: %w", cluster, err)
	}
	encrypted, err := e.encryption(c, &u)
	if err != nil {
		return u, false, fmt.Errorf("cluster %s: %w", cluster, err)
	}
	u.Protocol = protocol(bytes, http2, encrypted)
	if err := e.selection(c, assigned, &u); err != nil {
		return u, false, fmt.Errorf("cluster %s: %w", cluster, err)
	}
	return u, e.hasEndpoints(assigned), nil
}

// selection records how an endpoint is selected.
func (e *Envoy) selection(c *clusterv3.Cluster, assigned string, u *Upstream) error {
	var errs [2]error
	u.Balancing, errs[0] = balancing(c)
	u.Check, errs[1] = healthCheck(c, e.assignment(assigned).GetEndpoints())
	return errors.Join(errs[:]...)
}

func protocol(bytes, http2, encrypted bool) string {
	switch {
	case bytes && !encrypted:
		return "tcp"
	case http2 && encrypted:
		return "h2"
	case http2:
		return "h2c"
	case encrypted:
		return "tls"
	}
	return "http1"
}

func usesHTTP2(c *clusterv3.Cluster) (bool, error) {
	packed := c.GetTypedExtensionProtocolOptions()[httpOptions]
	if packed == nil {
		return false, nil
	}
	options, err := unpack(packed, &httpv3.HttpProtocolOptions{})
	if err != nil {
		return false, err
	}
	if err := checkFields(options, "common_http_protocol_options explicit_http_config http_filters"); err != nil {
		return false, err
	}
	return options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil, nil
}

// encryption records the verification of the backend, and reports whether connections to it use TLS.
func (e *Envoy) encryption(c *clusterv3.Cluster, u *Upstream) (bool, error) {
	if c.GetTransportSocket() == nil {
		return false, nil
	}
	context, err := unpack(c.GetTransportSocket().GetTypedConfig(), &tlsv3.UpstreamTlsContext{})
	if err != nil {
		return false, err
	}
	common := context.GetCommonTlsContext()
	if err := errors.Join(
		checkFields(context, "common_tls_context sni"),
		checkFields(common, "tls_params alpn_protocols combined_validation_context validation_context tls_certificate_sds_secret_configs"),
	); err != nil {
		return false, err
	}
	u.SNI = context.GetSni()
	for _, shown := range common.GetTlsCertificateSdsSecretConfigs() {
		if e.secret(shown.GetName()).GetTlsCertificate() == nil {
			return true, fmt.Errorf("the certificate %q is missing", shown.GetName())
		}
		u.Shows += strings.TrimSuffix(shown.GetName(), "\x00")
	}
	if own := common.GetValidationContext(); own != nil {
		u.verify(own)
		if own.GetTrustedCa().GetFilename() == "" {
			return true, errors.New("a validation without authorities")
		}
		return true, checkFields(own, "match_typed_subject_alt_names trusted_ca")
	}
	combined := common.GetCombinedValidationContext()
	if combined == nil {
		return true, nil
	}
	u.verify(combined.GetDefaultValidationContext())
	if ca := combined.GetValidationContextSdsSecretConfig().GetName(); e.secret(ca) == nil {
		return true, fmt.Errorf("the secret %s is missing", ca)
	}
	return true, nil
}

// verify records the names of which the certificate of the backend must contain one.
func (u *Upstream) verify(by *tlsv3.CertificateValidationContext) {
	for _, m := range by.GetMatchTypedSubjectAltNames() {
		u.Verified = append(u.Verified, m.GetMatcher().GetExact())
	}
}

// hasEndpoints reports whether the service has endpoints.
func (e *Envoy) hasEndpoints(service string) bool {
	for _, l := range e.assignment(service).GetEndpoints() {
		if len(l.GetLbEndpoints()) > 0 {
			return true
		}
	}
	return false
}
