package translate

import (
	"cmp"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// healthCheckHost is the host of the requests of health checks, as in Contour.
const healthCheckHost = "contour-envoy-healthcheck"

// healthChecks returns nil if the endpoints of the cluster are not checked. An endpoint without a successful check gets no
// requests, so that Envoy uses the cluster after the first check of each endpoint.
func healthChecks(c ir.Cluster) []*corev3.HealthCheck {
	h := c.Tuning.Value().Health
	if h.Kind == ir.HealthNone {
		return nil
	}
	check := &corev3.HealthCheck{
		Timeout:            durationpb.New(h.Timeout),
		Interval:           durationpb.New(h.Interval),
		HealthyThreshold:   wrapperspb.UInt32(h.Healthy),
		UnhealthyThreshold: wrapperspb.UInt32(h.Unhealthy),
	}
	if h.Kind == ir.HealthTCP {
		check.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}
		return []*corev3.HealthCheck{check}
	}
	http := &corev3.HealthCheck_HttpHealthCheck{Path: h.Path, Host: cmp.Or(h.Host, healthCheckHost), CodecClientType: typev3.CodecClientType_HTTP1}
	if c.Protocol == ir.ProtocolH2 || c.Protocol == ir.ProtocolH2C {
		http.CodecClientType = typev3.CodecClientType_HTTP2
	}
	for _, r := range h.Statuses.Ranges() {
		http.ExpectedStatuses = append(http.ExpectedStatuses, &typev3.Int64Range{Start: int64(r.Start), End: int64(r.End)})
	}
	check.HealthChecker = &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: http}
	return []*corev3.HealthCheck{check}
}
