package translate

import (
	"time"

	tracev3 "github.com/envoyproxy/go-control-plane/envoy/config/trace/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tracingv3 "github.com/envoyproxy/go-control-plane/envoy/type/tracing/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/table"
)

// traceTimeout is the default of a call of the collector: records are lost if it does not answer, and do not pile up.
const traceTimeout = 5 * time.Second

// tracing returns nil if requests are not traced.
func tracing(e *encoder, t *ir.Tracing) *hcmv3.HttpConnectionManager_Tracing {
	if t == nil {
		return nil
	}
	service := grpcService(extensionName(t.Collector), authorityOf(t.Collector), t.Timeout)
	if service.Timeout = timeout(t.Timeout); service.Timeout == nil {
		service.Timeout = durationpb.New(traceTimeout)
	}
	provider := e.pack(&tracev3.OpenTelemetryConfig{GrpcService: service, ServiceName: t.ServiceName})
	return &hcmv3.HttpConnectionManager_Tracing{
		ClientSampling:   &typev3.Percent{Value: t.Client},
		RandomSampling:   &typev3.Percent{Value: t.Random},
		OverallSampling:  &typev3.Percent{Value: t.Overall},
		MaxPathTagLength: number(t.MaxPathBytes),
		CustomTags:       traceTags(t.Tags),
		Provider: &tracev3.Tracing_Http{
			Name: "envoy.tracers.opentelemetry", ConfigType: &tracev3.Tracing_Http_TypedConfig{TypedConfig: provider},
		},
	}
}

// traceTags returns the tags. One whose header or variable is not there is left out of the record.
func traceTags(tags []ir.TraceTag) (out []*tracingv3.CustomTag) {
	for _, t := range tags {
		tag := &tracingv3.CustomTag{Tag: t.Name}
		switch {
		case t.Literal != "":
			tag.Type = &tracingv3.CustomTag_Literal_{Literal: &tracingv3.CustomTag_Literal{Value: t.Literal}}
		case t.Header != "":
			tag.Type = &tracingv3.CustomTag_RequestHeader{RequestHeader: &tracingv3.CustomTag_Header{Name: t.Header}}
		default:
			tag.Type = &tracingv3.CustomTag_Environment_{Environment: &tracingv3.CustomTag_Environment{Name: t.Environment}}
		}
		out = append(out, tag)
	}
	return out
}

// tracingNeeds returns the cluster to which a listener sends the records of requests.
func tracingNeeds(l *ir.Listener) []table.Ref {
	if l.Client.Tracing == nil {
		return nil
	}
	return []table.Ref{{Type: table.Cluster, Name: extensionName(l.Client.Tracing.Collector)}}
}

// collectorsOf returns the cluster that a listener needs for the records of requests.
func collectorsOf(l *ir.Listener) []ir.ExtensionCluster {
	if l == nil || l.Client.Tracing == nil {
		return nil
	}
	return []ir.ExtensionCluster{l.Client.Tracing.Collector}
}
