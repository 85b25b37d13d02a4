package validate

import (
	"strconv"
	"strings"
)

// Envoy reads the values of headers that it adds, and other texts, as formats: %COMMAND% stands for something of the
// request, and a percent sign that is meant has to be doubled. A text that is not well-formed makes Envoy reject the
// resource, so that every text of a user goes through Escape or Expand.

// Escape is the format that stands for the text itself.
func Escape(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// Expand is the format for a text with variables: those that own knows are replaced by what it returns, those of Envoy
// that a user may use are left, and every other percent sign is doubled. What own returns is taken as it is.
func Expand(text string, own func(name string) (format string, known bool)) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := strings.Cut(after, "%")
		value, known := own(name)
		switch {
		case closed && known:
			b.WriteString(value)
			text = rest
		case closed && isEnvoyVariable(name):
			b.WriteString("%" + name + "%")
			text = rest
		default:
			b.WriteString("%%")
			text = after
		}
	}
}

// RequestHeader is the name of the header whose value the whole of the text stands for, as in %REQ(name)%.
func RequestHeader(text string) (name string, ok bool) {
	name, ok = strings.CutPrefix(text, "%REQ(")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, ")%")
	return name, ok && HeaderName(name) == ""
}

// isEnvoyVariable reports whether Envoy may fill in the variable (the list is Contour's).
func isEnvoyVariable(name string) bool {
	switch name {
	case "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
		"DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_PORT",
		"DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_PEER_URI_SAN",
		"DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_ISSUER",
		"DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_VERSION",
		"DOWNSTREAM_PEER_FINGERPRINT_256", "DOWNSTREAM_PEER_FINGERPRINT_1", "DOWNSTREAM_PEER_SERIAL",
		"DOWNSTREAM_PEER_CERT", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END",
		"HOSTNAME", "PROTOCOL", "UPSTREAM_REMOTE_ADDRESS", "RESPONSE_FLAGS", "RESPONSE_CODE_DETAILS",
		"TLS_JA3_FINGERPRINT", "TLS_JA4_FINGERPRINT":
		return true
	}
	return isRequestVariable(name)
}

// isRequestVariable reports whether it is REQ(header), REQ(header?other) or REQ(header):length.
func isRequestVariable(name string) bool {
	inner, ok := strings.CutPrefix(name, "REQ(")
	if !ok {
		return false
	}
	inner, length, ok := strings.Cut(inner, ")")
	if !ok || !isLength(length) {
		return false
	}
	first, second, both := strings.Cut(inner, "?")
	return HeaderMatchName(first) == "" && (!both || HeaderMatchName(second) == "")
}

// isLength reports whether s is empty or a colon and a number.
func isLength(s string) bool {
	digits, ok := strings.CutPrefix(s, ":")
	if !ok {
		return s == ""
	}
	_, err := strconv.ParseUint(digits, 10, 16)
	return err == nil
}
