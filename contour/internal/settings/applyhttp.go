package settings

import (
	"strings"
	"time"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

func (a *applier) http(e v1alpha1.EnvoyConfig) {
	h := &a.cfg.HTTP
	if n := e.Network; n != nil {
		setField(&h.TrustedHops, n.XffNumTrustedHops)
		setField(&h.StripTrailingHostDot, n.EnvoyStripTrailingHostDot)
		a.adminPort(n.EnvoyAdminPort)
	}
	a.versions(e.DefaultHTTPVersions)
	s := e.Listener
	if s == nil {
		return
	}
	setField(&h.RejectChunkedLength, s.DisableAllowChunkedLength)
	setField(&h.KeepSlashes, s.DisableMergeSlashes)
	a.positive(&h.MaxRequestsPerConnection, s.MaxRequestsPerConnection, "envoy.listener.maxRequestsPerConnection")
	a.positive(&h.MaxConcurrentStreams, s.HTTP2MaxConcurrentStreams, "envoy.listener.httpMaxConcurrentStreams")
	a.serverHeader(s.ServerHeaderTransformation)
	if s.Compression != nil {
		a.compression(s.Compression.Algorithm)
	}
}

// adminPort serves the administration of Envoy to its own pod.
func (a *applier) adminPort(port *int) {
	if port == nil {
		return
	}
	if *port < 1 || *port > 65535 {
		a.errorf("envoy.network.adminPort", "%d is not between 1 and 65535.", *port)
		return
	}
	a.cfg.Listeners.Inspect = config.Address{Host: "127.0.0.1", Port: uint32(*port)}
}

func (a *applier) versions(versions []v1alpha1.HTTPVersionType) {
	if len(versions) == 0 {
		return
	}
	var http1, http2 bool
	for _, v := range versions {
		switch v := string(v); {
		case strings.EqualFold(v, string(v1alpha1.HTTPVersion1)):
			http1 = true
		case strings.EqualFold(v, string(v1alpha1.HTTPVersion2)):
			http2 = true
		default:
			a.errorf("envoy.defaultHTTPVersions", "%q is not one of %s, %s.", v, v1alpha1.HTTPVersion1, v1alpha1.HTTPVersion2)
		}
	}
	switch h := &a.cfg.HTTP.Versions; {
	case http1 && http2:
		*h = ir.AllHTTP
	case http1:
		*h = ir.OnlyHTTP1
	default:
		*h = ir.OnlyHTTP2
	}
}

func (a *applier) serverHeader(s v1alpha1.ServerHeaderTransformationType) {
	switch h := &a.cfg.HTTP.ServerHeader; s {
	case "":
	case v1alpha1.OverwriteServerHeader:
		*h = ir.OverwriteServerHeader
	case v1alpha1.AppendIfAbsentServerHeader:
		*h = ir.AppendServerHeaderIfAbsent
	case v1alpha1.PassThroughServerHeader:
		*h = ir.PassServerHeader
	default:
		a.oneOf("envoy.listener.serverHeaderTransformation", string(s),
			string(v1alpha1.OverwriteServerHeader), string(v1alpha1.AppendIfAbsentServerHeader), string(v1alpha1.PassThroughServerHeader))
	}
}

func (a *applier) compression(c v1alpha1.CompressionAlgorithm) {
	switch h := &a.cfg.HTTP.Compression; c {
	case "":
	case v1alpha1.GzipCompression:
		*h = ir.CompressGzip
	case v1alpha1.BrotliCompression:
		*h = ir.CompressBrotli
	case v1alpha1.ZstdCompression:
		*h = ir.CompressZstd
	case v1alpha1.DisabledCompression:
		*h = ir.CompressNone
	default:
		a.oneOf("envoy.listener.compression.algorithm", string(c), "gzip", "brotli", "zstd", "disabled")
	}
}

func (a *applier) timeouts(t *v1alpha1.TimeoutParameters) {
	if t == nil {
		return
	}
	c := &a.cfg.Timeouts
	for _, row := range []struct {
		name string
		from *string
		into *ir.Timeout
	}{
		{"requestTimeout", t.RequestTimeout, &c.Request},
		{"connectionIdleTimeout", t.ConnectionIdleTimeout, &c.ConnectionIdle},
		{"streamIdleTimeout", t.StreamIdleTimeout, &c.StreamIdle},
		{"maxConnectionDuration", t.MaxConnectionDuration, &c.ConnectionMax},
		{"delayedCloseTimeout", t.DelayedCloseTimeout, &c.DelayedClose},
		{"connectionShutdownGracePeriod", t.ConnectionShutdownGracePeriod, &c.ShutdownGrace},
	} {
		if row.from == nil {
			continue
		}
		limit, problem := validate.Timeout(*row.from)
		if problem != "" {
			a.errorf("envoy.timeouts."+row.name, "%q %s.", *row.from, problem)
		}
		*row.into = limit
	}
	if t.ConnectTimeout != nil {
		d, err := time.ParseDuration(*t.ConnectTimeout)
		if err != nil || d < time.Millisecond {
			a.errorf("envoy.timeouts.connectTimeout", "%q is not a duration of at least 1ms.", *t.ConnectTimeout)
		}
		a.cfg.Cluster.ConnectTimeout = d
	}
}

func (a *applier) cluster(p *v1alpha1.ClusterParameters) {
	if p == nil {
		return
	}
	c := &a.cfg.Cluster
	a.positive(&c.MaxRequestsPerConnection, p.MaxRequestsPerConnection, "envoy.cluster.maxRequestsPerConnection")
	a.positive(&c.BufferLimitBytes, p.PerConnectionBufferLimitBytes, "envoy.cluster.per-connection-buffer-limit-bytes")
	if f := string(p.DNSLookupFamily); f != "" && a.oneOf("envoy.cluster.dnsLookupFamily", f, "auto", "v4", "v6", "all") {
		a.cfg.Names.Family = ir.AddressFamily(f)
	}
	if b := p.GlobalCircuitBreakerDefaults; b != nil {
		c.CircuitBreakers = ir.CircuitBreakers{
			MaxConnections: b.MaxConnections, MaxPendingRequests: b.MaxPendingRequests, MaxRequests: b.MaxRequests,
			MaxRetries: b.MaxRetries, PerHostMaxConnections: b.PerHostMaxConnections,
		}
	}
	if p.UpstreamTLS != nil {
		a.tlsParameters("envoy.cluster.upstreamTLS", *p.UpstreamTLS, &c.TLS)
	}
}
