package translate

import (
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	reqwithoutqueryv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/formatter/req_without_query/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// fileLogger is the name of the access logger and the key of route metadata for access logs.
const fileLogger = "envoy.access_loggers.file"

// accessLog returns nil if the log is disabled.
func accessLog(e *encoder, to ir.AccessLog) []*accesslogv3.AccessLog {
	if to.Path == "" {
		return nil
	}
	file := &filev3.FileAccessLog{Path: to.Path}
	if f := lineFormat(e, to.LogFormat); f != nil {
		file.AccessLogFormat = &filev3.FileAccessLog_LogFormat{LogFormat: f}
	}
	return []*accesslogv3.AccessLog{{
		Name: fileLogger, Filter: statusFilter(to.MinStatus),
		ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: e.pack(file)},
	}}
}

// lineFormat returns the format of a line; nil is Envoy's default format.
func lineFormat(e *encoder, f ir.LogFormat) *corev3.SubstitutionFormatString {
	switch {
	case f.Format == "json":
		return &corev3.SubstitutionFormatString{
			Format:     &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: jsonFields(f.Fields)},
			Formatters: formatters(e, f),
		}
	case f.Text != "":
		return &corev3.SubstitutionFormatString{
			Format: &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{
				Specifier: &corev3.DataSource_InlineString{InlineString: f.Text},
			}},
			Formatters: formatters(e, f),
		}
	}
	return nil
}

// formatters returns the formatter extensions that the command operators of the format require.
func formatters(e *encoder, f ir.LogFormat) []*corev3.TypedExtensionConfig {
	const operator = "%REQ_WITHOUT_QUERY("
	if !strings.Contains(f.Text, operator) && !slices.ContainsFunc(f.Fields, func(l ir.LogField) bool { return strings.Contains(l.Value, operator) }) {
		return nil
	}
	return []*corev3.TypedExtensionConfig{{Name: "envoy.formatter.req_without_query", TypedConfig: e.pack(&reqwithoutqueryv3.ReqWithoutQuery{})}}
}

// logMetadata returns what access logs write about the object of a route, with the keys of Contour; nil if it has none.
func logMetadata(of kobj.Key) *corev3.Metadata {
	if of == (kobj.Key{}) {
		return nil
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{fileLogger: {Fields: map[string]*structpb.Value{
		ir.LogObjectKey + "kind":      structpb.NewStringValue(string(of.Kind)),
		ir.LogObjectKey + "namespace": structpb.NewStringValue(of.Namespace),
		ir.LogObjectKey + "name":      structpb.NewStringValue(of.Name.Name),
	}}}}
}

// statusFilter selects responses with at least that status code; nil selects all.
func statusFilter(least uint32) *accesslogv3.AccessLogFilter {
	if least == 0 {
		return nil
	}
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_StatusCodeFilter{
		StatusCodeFilter: &accesslogv3.StatusCodeFilter{Comparison: &accesslogv3.ComparisonFilter{
			Op: accesslogv3.ComparisonFilter_GE,
			// Envoy requires a runtime key; nothing sets it.
			Value: &corev3.RuntimeUInt32{DefaultValue: least, RuntimeKey: "access_log.min_status"},
		}},
	}}
}

// jsonFields returns the fields of a JSON line with their command operators: the given ones, else the defaults of Contour.
func jsonFields(own []ir.LogField) *structpb.Struct {
	fields := map[string]*structpb.Value{}
	for _, f := range own {
		fields[f.Name] = structpb.NewStringValue(f.Value)
	}
	if len(fields) > 0 {
		return &structpb.Struct{Fields: fields}
	}
	for name, value := range map[string]string{
		"@timestamp":                "%START_TIME%",
		"authority":                 "%REQ(:AUTHORITY)%",
		"bytes_received":            "%BYTES_RECEIVED%",
		"bytes_sent":                "%BYTES_SENT%",
		"downstream_local_address":  "%DOWNSTREAM_LOCAL_ADDRESS%",
		"downstream_remote_address": "%DOWNSTREAM_REMOTE_ADDRESS%",
		"duration":                  "%DURATION%",
		"grpc_status":               "%GRPC_STATUS%",
		"grpc_status_number":        "%GRPC_STATUS_NUMBER%",
		"method":                    "%REQ(:METHOD)%",
		"path":                      "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
		"protocol":                  "%PROTOCOL%",
		"request_id":                "%REQ(X-REQUEST-ID)%",
		"requested_server_name":     "%REQUESTED_SERVER_NAME%",
		"response_code":             "%RESPONSE_CODE%",
		"response_flags":            "%RESPONSE_FLAGS%",
		"uber_trace_id":             "%REQ(UBER-TRACE-ID)%",
		"upstream_cluster":          "%UPSTREAM_CLUSTER%",
		"upstream_host":             "%UPSTREAM_HOST%",
		"upstream_local_address":    "%UPSTREAM_LOCAL_ADDRESS%",
		"upstream_service_time":     "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
		"user_agent":                "%REQ(USER-AGENT)%",
		"x_forwarded_for":           "%REQ(X-FORWARDED-FOR)%",
	} {
		fields[name] = structpb.NewStringValue(value)
	}
	return &structpb.Struct{Fields: fields}
}
