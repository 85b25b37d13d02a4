package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	brotliv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/brotli/compressor/v3"
	gzipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/gzip/compressor/v3"
	zstdv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/compression/zstd/compressor/v3"
	compressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/compressor/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"contour.example/contour/internal/ir"
)

// setHTTP sets the protocol options, and the handling of the Server header.
func setHTTP(m *hcmv3.HttpConnectionManager, s ir.HTTPSettings) {
	m.HttpProtocolOptions = &corev3.Http1ProtocolOptions{AcceptHttp_10: true, AllowChunkedLength: !s.RejectChunkedLength}
	m.MergeSlashes = !s.KeepSlashes
	m.XffNumTrustedHops = s.TrustedHops
	m.MaxRequestHeadersKb = number(s.MaxHeaderKiB)
	switch s.Versions {
	case ir.AllHTTP: // as the client sends
	case ir.OnlyHTTP1:
		m.CodecType = hcmv3.HttpConnectionManager_HTTP1
	case ir.OnlyHTTP2:
		m.CodecType = hcmv3.HttpConnectionManager_HTTP2
	}
	switch s.ServerHeader {
	case ir.OverwriteServerHeader: // Envoy's default
	case ir.AppendServerHeaderIfAbsent:
		m.ServerHeaderTransformation = hcmv3.HttpConnectionManager_APPEND_IF_ABSENT
	case ir.PassServerHeader:
		m.ServerHeaderTransformation = hcmv3.HttpConnectionManager_PASS_THROUGH
	}
	if s.StripTrailingHostDot {
		m.StripTrailingHostDot = true
	}
	m.Http2ProtocolOptions = http2(s.Windows)
	if n := number(s.MaxConcurrentStreams); n != nil {
		if m.Http2ProtocolOptions == nil {
			m.Http2ProtocolOptions = &corev3.Http2ProtocolOptions{}
		}
		m.Http2ProtocolOptions.MaxConcurrentStreams = n
	}
	switch s.EscapedSlashes {
	case ir.KeepEscapedSlashes: // Envoy's default
	case ir.RejectEscapedSlashes:
		m.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_REJECT_REQUEST
	case ir.RedirectEscapedSlashes:
		m.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT
	}
}

// http2 is nil when Envoy's default windows are meant.
func http2(w ir.Windows) *corev3.Http2ProtocolOptions {
	if w == (ir.Windows{}) {
		return nil
	}
	return &corev3.Http2ProtocolOptions{InitialStreamWindowSize: number(w.Stream), InitialConnectionWindowSize: number(w.Connection)}
}

// setTimeouts sets the timeouts of clients, and the maximum number of requests of a connection and of headers of a request.
func setTimeouts(m *hcmv3.HttpConnectionManager, c ir.ClientSettings) {
	t := c.Timeouts
	m.RequestTimeout = timeout(t.Request)
	m.RequestHeadersTimeout = timeout(t.RequestHeaders)
	m.StreamIdleTimeout = timeout(t.StreamIdle)
	m.DrainTimeout = timeout(t.ShutdownGrace)
	m.DelayedCloseTimeout = timeout(t.DelayedClose)
	most, headers := c.HTTP.MaxRequestsPerConnection, c.HTTP.MaxHeaders
	underscores := underscoresAction(c.HTTP.Underscores)
	if t.ConnectionIdle != (ir.Timeout{}) || t.ConnectionMax != (ir.Timeout{}) || most > 0 || headers > 0 || underscores > 0 {
		m.CommonHttpProtocolOptions = &corev3.HttpProtocolOptions{
			IdleTimeout: timeout(t.ConnectionIdle), MaxConnectionDuration: timeout(t.ConnectionMax), MaxRequestsPerConnection: number(most),
			HeadersWithUnderscoresAction: underscores, MaxHeadersCount: number(headers),
		}
	}
}

func underscoresAction(u ir.Underscores) corev3.HttpProtocolOptions_HeadersWithUnderscoresAction {
	switch u {
	case ir.RejectUnderscores:
		return corev3.HttpProtocolOptions_REJECT_REQUEST
	case ir.DropUnderscores:
		return corev3.HttpProtocolOptions_DROP_HEADER
	case ir.AllowUnderscores:
	}
	return corev3.HttpProtocolOptions_ALLOW
}

// compressible returns the types of content that are compressed: those that Envoy compresses by default, and those of gRPC-Web
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md), as in Contour.
func compressible() []string {
	return []string{
		"application/ecmascript", "application/javascript", "application/json", "application/x-javascript", "application/x-json",
		"application/xhtml+xml", "application/xml", "image/svg+xml", "text/css", "text/ecmascript", "text/html", "text/javascript",
		"text/js", "text/jscript", "text/plain", "text/x-javascript", "text/x-js", "text/xml",
		"application/grpc-web", "application/grpc-web+json", "application/grpc-web+proto", "application/grpc-web+thrift",
		"application/grpc-web-text", "application/grpc-web-text+proto", "application/grpc-web-text+thrift",
	}
}

// compressor returns a filter that compresses responses of compressible types if the client accepts that.
func compressor(e *encoder, algorithm ir.Compression) *compressorv3.Compressor {
	library := &corev3.TypedExtensionConfig{}
	switch algorithm {
	case ir.CompressGzip:
		library.Name, library.TypedConfig = "gzip", e.pack(&gzipv3.Gzip{})
	case ir.CompressBrotli:
		library.Name, library.TypedConfig = "brotli", e.pack(&brotliv3.Brotli{})
	case ir.CompressZstd:
		library.Name, library.TypedConfig = "zstd", e.pack(&zstdv3.Zstd{})
	case ir.CompressNone:
	}
	return &compressorv3.Compressor{
		CompressorLibrary: library,
		ResponseDirectionConfig: &compressorv3.Compressor_ResponseDirectionConfig{
			CommonConfig: &compressorv3.Compressor_CommonDirectionConfig{ContentType: compressible()}, //nolint:staticcheck // older Envoys do not know its successor, content_type_matcher
		},
	}
}

// protocols returns the ALPN protocols for clients.
func protocols(v ir.HTTPVersions) []string {
	switch v {
	case ir.OnlyHTTP1:
		return []string{"http/1.1"}
	case ir.OnlyHTTP2:
		return []string{"h2"}
	case ir.AllHTTP:
	}
	return []string{"h2", "http/1.1"}
}
