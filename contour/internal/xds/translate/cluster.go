package translate

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// httpOptions is the key of the options that all HTTP protocols of a cluster share.
const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

// cluster returns the resource of a cluster; limits are those of its Services.
func cluster(c ir.Cluster, limits ir.CircuitBreakers, s ir.ClusterSettings) *table.Resource {
	e := &encoder{}
	m := &clusterv3.Cluster{
		Name:                 clusterName(c),
		AltStatName:          clusterStats(c),
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads(), ServiceName: endpointNameOf(c)},
		ConnectTimeout:       positive(s.ConnectTimeout),
		HealthChecks:         healthChecks(c),
		// Below the threshold, Envoy would send requests to unhealthy endpoints.
		CommonLbConfig:                &clusterv3.Cluster_CommonLbConfig{HealthyPanicThreshold: &typev3.Percent{Value: 0}},
		IgnoreHealthOnHostRemoval:     true,
		PerConnectionBufferLimitBytes: number(s.BufferLimitBytes),
		CircuitBreakers:               circuitBreakers(limits.WithDefaults(s.CircuitBreakers)),
		TypedExtensionProtocolOptions: protocolOptions(e, c, s),
		TransportSocket:               upstreamTLS(e, c, s.TLS),
	}
	setBalancing(m, c.Tuning.Value())
	origin := kobj.Key{Kind: kobj.Service, Name: c.Endpoints.Service}
	if k := c.Tuning.Value().Combined; k != (ir.Combined{}) {
		origin = k.Origin
		m.CommonLbConfig.LocalityConfigSpecifier = &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig_{
			LocalityWeightedLbConfig: &clusterv3.Cluster_CommonLbConfig_LocalityWeightedLbConfig{},
		}
	}
	body := e.bytes(m)
	return &table.Resource{
		Ref: table.Ref{Type: table.Cluster, Name: m.GetName()}, Body: body, Needs: needsOf(c), Origins: []kobj.Key{origin}, Invalid: e.invalid(),
	}
}

// needsOf returns the needs of the cluster.
func needsOf(c ir.Cluster) []table.Ref {
	return append([]table.Ref{{Type: table.Endpoint, Name: endpointNameOf(c)}}, secretsOf(c)...)
}

// secretsOf returns the secrets that connections to the cluster need.
func secretsOf(c ir.Cluster) (needs []table.Ref) {
	if k, ok := backendAuthorities(c); ok {
		needs = append(needs, table.Ref{Type: table.Secret, Name: validationName(k)})
	}
	if n := shownTo(c); n != (kobj.Name{}) {
		needs = append(needs, table.Ref{Type: table.Secret, Name: certificateName(n)})
	}
	return needs
}

// protocolOptions returns nil for Envoy's defaults: HTTP/1.1, its own idle timeout, any number of requests on a connection,
// and no filters.
func protocolOptions(e *encoder, c ir.Cluster, s ir.ClusterSettings) map[string]*anypb.Any {
	overHTTP2 := c.Protocol == ir.ProtocolH2 || c.Protocol == ir.ProtocolH2C
	requests := s.MaxRequestsPerConnection
	filters := upstreamFilters(e, c)
	if !overHTTP2 && timeout(c.Tuning.Value().Idle) == nil && requests == 0 && filters == nil {
		return nil
	}
	explicit := &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
		ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{},
	}
	if overHTTP2 {
		options := http2(s.Windows)
		if options == nil {
			options = &corev3.Http2ProtocolOptions{}
		}
		explicit.ProtocolConfig = &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{Http2ProtocolOptions: options}
	}
	return map[string]*anypb.Any{httpOptions: e.pack(&httpv3.HttpProtocolOptions{
		CommonHttpProtocolOptions: &corev3.HttpProtocolOptions{IdleTimeout: timeout(c.Tuning.Value().Idle), MaxRequestsPerConnection: number(requests)},
		UpstreamProtocolOptions:   &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: explicit},
		HttpFilters:               filters,
	})}
}

// circuitBreakers returns nil if no limit is set. The statistics of what remains are those of Contour.
func circuitBreakers(l ir.CircuitBreakers) *clusterv3.CircuitBreakers {
	if l == (ir.CircuitBreakers{}) {
		return nil
	}
	cb := &clusterv3.CircuitBreakers{}
	perHost := l.PerHostMaxConnections
	l.PerHostMaxConnections = 0
	if l != (ir.CircuitBreakers{}) {
		cb.Thresholds = []*clusterv3.CircuitBreakers_Thresholds{{
			MaxConnections:     number(l.MaxConnections),
			MaxPendingRequests: number(l.MaxPendingRequests),
			MaxRequests:        number(l.MaxRequests),
			MaxRetries:         number(l.MaxRetries),
			TrackRemaining:     true,
		}}
	}
	if perHost != 0 {
		cb.PerHostThresholds = []*clusterv3.CircuitBreakers_Thresholds{{MaxConnections: number(perHost), TrackRemaining: true}}
	}
	return cb
}
