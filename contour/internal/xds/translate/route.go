package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// route is one route of the host with that name.
func route(e *encoder, of ir.Route, hostname string) *routev3.Route {
	r := &routev3.Route{
		Match:                   routeMatch(of.Match, hostname),
		Metadata:                originMetadata(of.Origin),
		RequestHeadersToAdd:     setHeaders(of.RequestHeaders.Set),
		RequestHeadersToRemove:  of.RequestHeaders.Remove,
		ResponseHeadersToAdd:    setHeaders(of.ResponseHeaders.Set),
		ResponseHeadersToRemove: of.ResponseHeaders.Remove,
	}
	setAction(e, r, of, hostname)
	return r
}

// originMetadata tells access logs which object a route was written in.
func originMetadata(k kobj.Key) *corev3.Metadata {
	if k == (kobj.Key{}) {
		return nil
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{
		fileLogger: {Fields: map[string]*structpb.Value{
			originName + ".kind":      structpb.NewStringValue(string(k.Kind)),
			originName + ".namespace": structpb.NewStringValue(k.Namespace),
			originName + ".name":      structpb.NewStringValue(k.Name.Name),
		}},
	}}
}
