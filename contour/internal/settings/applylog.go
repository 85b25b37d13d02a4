package settings

import (
	"regexp"
	"slices"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/ir"
)

func (a *applier) accessLog(e v1alpha1.EnvoyConfig) {
	from, into := e.Logging, &a.cfg.AccessLog
	if from == nil {
		return
	}
	if f := string(from.AccessLogFormat); f != "" && a.oneOf("envoy.logging.accessLogFormat", f, "envoy", "json") {
		into.Format = f
	}
	if text := from.AccessLogFormatString; text != "" {
		if !strings.HasSuffix(text, "\n") {
			a.errorf("envoy.logging.accessLogFormatString", "The format does not end in a newline.")
		}
		a.operators("envoy.logging.accessLogFormatString", text)
		into.Text = text
	}
	a.level(string(from.AccessLogLevel))
	if len(from.AccessLogJSONFields) > 0 {
		into.Fields = a.fields(from.AccessLogJSONFields)
	}
}

func (a *applier) level(level string) {
	into := &a.cfg.AccessLog
	switch level {
	case "":
	case "info":
		into.MinStatus = 0
	case "error":
		into.MinStatus = 300
	case "critical":
		into.MinStatus = 500
	case "disabled":
		into.Disabled = true
	default:
		a.oneOf("envoy.logging.accessLogLevel", level, "info", "error", "critical", "disabled")
	}
}

// jsonFields is the setting that lists the fields of a line in JSON.
const jsonFields = "envoy.logging.accessLogJSONFields"

// fields reads the fields of a line in JSON: the name of a known one, or name=value. The default list is nil.
func (a *applier) fields(from []string) []ir.LogField {
	const field = jsonFields
	if slices.Equal(from, defaultFields()) {
		return nil
	}
	known := knownFields()
	var out []ir.LogField
	for _, s := range from {
		name, value, own := strings.Cut(s, "=")
		if !own {
			value = known[name]
		}
		switch {
		case name == "" || value == "":
			a.errorf(field, "%q is neither a known field nor name=value.", s)
			continue
		case own:
			a.operators(field, value)
		}
		if !slices.ContainsFunc(out, func(f ir.LogField) bool { return f.Name == name }) {
			out = append(out, ir.LogField{Name: name, Value: value})
		}
	}
	return out
}

// operators checks the command operators in a text: %NAME%, %NAME(argument)%, %NAME:LENGTH%; %% is a percent sign.
func (a *applier) operators(field, text string) {
	operator := regexp.MustCompile(`^%([A-Z_0-9]+)(\([^()]*\))?(?::[0-9]+)?%`)
	for at := strings.IndexByte(text, '%'); at >= 0; at = strings.IndexByte(text, '%') {
		text = text[at:]
		if strings.HasPrefix(text, "%%") {
			text = text[2:]
			continue
		}
		m := operator.FindStringSubmatch(text)
		if m == nil {
			a.errorf(field, "There is no command operator where %q begins.", text[:min(len(text), 40)])
			return
		}
		argument, known := commandOperators()[m[1]]
		optional := m[1] == "START_TIME" || m[1] == "GRPC_STATUS"
		if !known || !optional && argument != (m[2] != "") {
			a.errorf(field, "%s is not supported here, or not with this argument.", m[0])
		}
		text = text[len(m[0]):]
	}
}

// knownFields is the fields that can be asked for by name, and what Envoy puts there.
func knownFields() map[string]string {
	kind := func(s string) string {
		return "%METADATA(ROUTE:envoy.access_loggers.file:" + ir.LogObjectKey + s + ")%"
	}
	fields := map[string]string{
		"@timestamp":               "%START_TIME%",
		"ts":                       "%START_TIME%",
		"authority":                "%REQ(:AUTHORITY)%",
		"method":                   "%REQ(:METHOD)%",
		"path":                     "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
		"request_id":               "%REQ(X-REQUEST-ID)%",
		"uber_trace_id":            "%REQ(UBER-TRACE-ID)%",
		"x_trace_id":               "%REQ(X-TRACE-ID)%",
		"upstream_service_time":    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
		"user_agent":               "%REQ(USER-AGENT)%",
		"x_forwarded_for":          "%REQ(X-FORWARDED-FOR)%",
		"tls_ja3_fingerprint":      "%TLS_JA3_FINGERPRINT%",
		"tls_ja4_fingerprint":      "%TLS_JA4_FINGERPRINT%",
		"contour_config_kind":      kind("kind"),
		"contour_config_namespace": kind("namespace"),
		"contour_config_name":      kind("name"),
	}
	for name, argument := range commandOperators() {
		if field := strings.ToLower(name); !argument && fields[field] == "" {
			fields[field] = "%" + name + "%"
		}
	}
	return fields
}

// defaultFields is the fields of a line in JSON without a setting.
func defaultFields() []string {
	return []string{
		"@timestamp", "authority", "bytes_received", "bytes_sent", "downstream_local_address", "downstream_remote_address",
		"duration", "method", "path", "protocol", "request_id", "requested_server_name", "response_code", "response_flags",
		"uber_trace_id", "upstream_cluster", "upstream_host", "upstream_local_address", "upstream_service_time",
		"user_agent", "x_forwarded_for", "grpc_status", "grpc_status_number",
	}
}

// commandOperators is what Envoy puts into an access log, and whether it needs an argument; two may have one.
func commandOperators() map[string]bool {
	operators := map[string]bool{}
	for _, name := range strings.Fields(`
		BYTES_RECEIVED BYTES_SENT BYTES_RETRANSMITTED PACKETS_RETRANSMITTED CONNECTION_ID CONNECTION_TERMINATION_DETAILS
		DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT
		DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT
		DOWNSTREAM_LOCAL_ADDRESS DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT
		DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_IP_SAN
		DOWNSTREAM_PEER_CERT DOWNSTREAM_PEER_CERT_V_END DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_FINGERPRINT_1
		DOWNSTREAM_PEER_FINGERPRINT_256 DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
		DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_IP_SAN
		DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT
		DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
		DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT DURATION FILTER_CHAIN_NAME GRPC_STATUS_NUMBER HOSTNAME
		LOCAL_REPLY_BODY PROTOCOL REQUEST_DURATION REQUEST_TX_DURATION REQUESTED_SERVER_NAME RESPONSE_CODE
		RESPONSE_CODE_DETAILS RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_TX_DURATION ROUNDTRIP_DURATION
		ROUTE_NAME STREAM_ID TLS_JA3_FINGERPRINT TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID
		UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID UPSTREAM_CONNECTION_POOL_READY_DURATION
		UPSTREAM_HEADER_BYTES_RECEIVED UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST UPSTREAM_HOST_NAME UPSTREAM_LOCAL_ADDRESS
		UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_PORT UPSTREAM_PEER_CERT UPSTREAM_PEER_CERT_V_END
		UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PROTOCOL UPSTREAM_REMOTE_ADDRESS
		UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT UPSTREAM_TLS_CIPHER
		UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON UPSTREAM_WIRE_BYTES_RECEIVED
		UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME GRPC_STATUS START_TIME`) {
		operators[name] = false
	}
	for _, name := range strings.Fields("ENVIRONMENT METADATA DYNAMIC_METADATA FILTER_STATE REQ REQ_WITHOUT_QUERY RESP TRAILER") {
		operators[name] = true
	}
	return operators
}
