package semantic

import (
	"errors"
	"fmt"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
)

// balancing returns how an endpoint of the cluster is selected, such as "least request, from 10% within 30s ^1.5"; "" for
// round robin without slow start.
func balancing(c *clusterv3.Cluster) (string, error) {
	var slow *clusterv3.Cluster_SlowStartConfig
	name := ""
	switch policy := c.GetLbPolicy(); policy {
	case clusterv3.Cluster_ROUND_ROBIN:
		slow = c.GetRoundRobinLbConfig().GetSlowStartConfig()
	case clusterv3.Cluster_LEAST_REQUEST:
		name, slow = "least request", c.GetLeastRequestLbConfig().GetSlowStartConfig()
	case clusterv3.Cluster_RANDOM:
		name = "random"
	case clusterv3.Cluster_RING_HASH:
		name = "hash"
	default:
		return "", fmt.Errorf("the model does not support the load balancing %s", policy)
	}
	if slow == nil {
		return name, nil
	}
	if name == "" {
		name = "round robin"
	}
	return fmt.Sprintf("%s, from %g%% within %s ^%g", name, slow.GetMinWeightPercent().GetValue(),
		slow.GetSlowStartWindow().AsDuration(), slow.GetAggression().GetDefaultValue()), nil
}

// healthCheck returns the check of the endpoints, such as "http /health every 10s within 2s, up 2, down 3, 200-299"; "" if there
// is none. The model assumes that all endpoints are healthy.
func healthCheck(c *clusterv3.Cluster, endpoints []*endpointv3.LocalityLbEndpoints) (string, error) {
	checks := c.GetHealthChecks()
	if len(checks) == 0 {
		return "", nil
	}
	h := checks[0]
	if err := checkFields(h, "timeout interval unhealthy_threshold healthy_threshold http_health_check tcp_health_check"); err != nil || len(checks) > 1 {
		return "", errors.Join(err, fmt.Errorf("%d health checks", len(checks)))
	}
	kind, statuses, err := checker(h)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%s every %s within %s, up %d, down %d%s", kind, checkedPort(endpoints), h.GetInterval().AsDuration(), h.GetTimeout().AsDuration(),
		h.GetHealthyThreshold().GetValue(), h.GetUnhealthyThreshold().GetValue(), statuses), nil
}

func checker(h *corev3.HealthCheck) (kind, statuses string, err error) {
	if h.GetTcpHealthCheck() != nil {
		return "tcp", "", checkFields(h.GetTcpHealthCheck(), "")
	}
	http := h.GetHttpHealthCheck()
	if err := checkFields(http, "host path expected_statuses codec_client_type"); err != nil {
		return "", "", err
	}
	for _, r := range http.GetExpectedStatuses() {
		statuses += fmt.Sprintf(", %d-%d", r.GetStart(), r.GetEnd()-1)
	}
	kind = "http"
	if http.GetCodecClientType() == typev3.CodecClientType_HTTP2 {
		kind = "h2"
	}
	return fmt.Sprintf("%s %s%s", kind, http.GetHost(), http.GetPath()), statuses, nil
}

func checkedPort(endpoints []*endpointv3.LocalityLbEndpoints) string {
	for _, l := range endpoints {
		for _, e := range l.GetLbEndpoints() {
			if port := e.GetEndpoint().GetHealthCheckConfig().GetPortValue(); port != 0 {
				return fmt.Sprintf(" on %d", port)
			}
		}
	}
	return ""
}

// hashKeys returns what the requests of a route are hashed by, such as "header X-A, query q terminal"; "" if they are not.
func hashKeys(policies []*routev3.RouteAction_HashPolicy) (string, error) {
	var out []string
	for _, p := range policies {
		text := ""
		switch {
		case p.GetCookie() != nil:
			text = fmt.Sprintf("cookie %s%s for %s", p.GetCookie().GetName(), p.GetCookie().GetPath(), p.GetCookie().GetTtl().AsDuration())
		case p.GetHeader() != nil:
			text = "header " + p.GetHeader().GetHeaderName()
		case p.GetQueryParameter() != nil:
			text = "query " + p.GetQueryParameter().GetName()
		case p.GetConnectionProperties().GetSourceIp():
			text = "source IP"
		default:
			return "", errors.New("the model does not support this hash policy")
		}
		if p.GetTerminal() {
			text += " terminal"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", "), nil
}

// mirrors returns the backends that receive copies of the requests of a route. One without endpoints receives none.
func (x *exchange) mirrors(policies []*routev3.RouteAction_RequestMirrorPolicy) ([]Mirror, error) {
	var out []Mirror
	for _, p := range policies {
		if err := checkFields(p, "cluster runtime_fraction disable_shadow_host_suffix_append"); err != nil {
			return nil, err
		}
		m := Mirror{KeepsHost: p.GetDisableShadowHostSuffixAppend()}
		switch share := p.GetRuntimeFraction().GetDefaultValue(); share.GetDenominator() {
		case typev3.FractionalPercent_HUNDRED:
			m.Percent = share.GetNumerator()
		case typev3.FractionalPercent_MILLION:
			m.PerMillion = share.GetNumerator()
		default:
			return nil, errors.New("the model does not support the denominator of a fraction")
		}
		u, ready, err := x.envoy.upstream(p.GetCluster(), false)
		if err != nil {
			return nil, err
		}
		if ready {
			m.Service, m.Protocol, m.SNI = u.Service, u.Protocol, u.SNI
			out = append(out, m)
		}
	}
	return out, nil
}
