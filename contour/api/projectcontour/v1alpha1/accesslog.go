package v1alpha1

// AccessLogType is the form of the access log's lines.
type AccessLogType string

const (
	// EnvoyAccessLog is Envoy's text format, or accessLogFormatString.
	EnvoyAccessLog AccessLogType = "envoy"
	// JSONAccessLog is one JSON object per line.
	JSONAccessLog AccessLogType = "json"
)

// AccessLogLevel selects the requests that are logged.
type AccessLogLevel string

const (
	// LogLevelInfo logs every request.
	LogLevelInfo AccessLogLevel = "info"
	// LogLevelError logs responses with a status code of 300 or more.
	LogLevelError AccessLogLevel = "error"
	// LogLevelCritical logs responses with a status code of 500 or more.
	LogLevelCritical AccessLogLevel = "critical"
	// LogLevelDisabled logs nothing.
	LogLevelDisabled AccessLogLevel = "disabled"
)

// AccessLogJSONFields lists the fields of a JSON access log: the name of a known
// field, or name=operator with an Envoy command operator.
type AccessLogJSONFields []string

// EnvoyLogging is the access log of Envoy.
type EnvoyLogging struct {
	// Form of the lines: envoy or json; envoy if empty.
	// +optional
	AccessLogFormat AccessLogType `json:"accessLogFormat,omitempty"`
	// Format of a text line, with Envoy command operators; has to end in a
	// newline. Envoy's own format if empty.
	// +optional
	AccessLogFormatString string `json:"accessLogFormatString,omitempty"`
	// Fields of a JSON line; a default set if empty.
	// +optional
	AccessLogJSONFields AccessLogJSONFields `json:"accessLogJSONFields,omitempty"`
	// Which requests are logged: info (all), error (status 300 and more),
	// critical (500 and more) or disabled; info if empty.
	// +optional
	AccessLogLevel AccessLogLevel `json:"accessLogLevel,omitempty"`
}
