package translate

import (
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
)

// httpChain defines how the requests of a filter chain are handled.
type httpChain struct {
	listener *ir.Listener
	routes   string // name of the route table of a TLS host
	// byServerName: the server name of the TLS connection selects the route table.
	byServerName bool
	checkSNI     bool // the host of requests must equal the server name of the TLS connection
	// shared: hosts share the filter chain, and each has a route table.
	shared  *sharedKey
	forward ir.ForwardedCertificate
}

// filter returns the network filter that handles requests.
func (h httpChain) filter(e *encoder) *listenerv3.Filter {
	return &listenerv3.Filter{
		Name:       "envoy.filters.network.http_connection_manager",
		ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: e.pack(h.manager(e))},
	}
}

// manager returns the configuration for edge clients: it uses their remote addresses, does not trust their forwarding
// headers, and normalizes paths before it compares them.
func (h httpChain) manager(e *encoder) *hcmv3.HttpConnectionManager {
	m := &hcmv3.HttpConnectionManager{
		StatPrefix:                h.listener.Key.Name,
		HttpFilters:               h.filters(e),
		AccessLog:                 accessLog(e, h.listener.Client.AccessLog),
		UseRemoteAddress:          wrapperspb.Bool(true),
		NormalizePath:             wrapperspb.Bool(true),
		PreserveExternalRequestId: true,
		Tracing:                   tracing(e, h.listener.Client.Tracing),
	}
	setHTTP(m, h.listener.Client.HTTP)
	setTimeouts(m, h.listener.Client)
	setForwarded(m, h.forward)
	switch {
	case h.listener.ByHost():
		routeByHost(e, m, h.listener.Key)
	case h.byServerName:
		m.EarlyHeaderMutationExtensions = scopeHeader(e, tlsTables(h.listener.Key)+"%REQUESTED_SERVER_NAME%")
		m.RouteSpecifier = scopedRoutes("")
	case h.shared != nil:
		m.EarlyHeaderMutationExtensions = scopeHeader(e, h.shared.scopeKey())
		m.RouteSpecifier = scopedRoutes(":")
		m.LocalReplyConfig = coalescedReplies(h.listener.Key)
	default:
		m.RouteSpecifier = &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: ads(), RouteConfigName: h.routes}}
	}
	return m
}

func httpFilter(e *encoder, name string, m message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: e.pack(m)}}
}
