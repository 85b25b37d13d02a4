package validate

import (
	"strconv"
	"strings"
)

// The values of headers that Envoy adds, and other strings, are format strings: %COMMAND% is a command operator, and a
// literal percent sign is doubled. Envoy rejects a resource with a format string that is not well-formed, so every string
// of a user is converted by Escape or Expand.

// Escape returns the format string of a literal text.
func Escape(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// Expand returns the format string of a text with variables: the variables that lookup knows are replaced by the format
// strings that it returns, the command operators that users may use remain, and every other percent sign is doubled.
func Expand(text string, lookup func(name string) (format string, known bool)) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := strings.Cut(after, "%")
		value, known := lookup(name)
		switch {
		case closed && known:
			b.WriteString(value)
			text = rest
		case closed && isOperator(name):
			b.WriteString("%" + name + "%")
			text = rest
		default:
			b.WriteString("%%")
			text = after
		}
	}
}

// RequestHeader returns the name of the header in a text that consists of one operator %REQ(name)%.
func RequestHeader(text string) (name string, ok bool) {
	name, ok = strings.CutPrefix(text, "%REQ(")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, ")%")
	return name, ok && HeaderName(name) == ""
}

// isOperator reports whether users may use the command operator of Envoy (the list is Contour's).
func isOperator(name string) bool {
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
	return isRequestOperator(name)
}

// isRequestOperator reports whether the operator is REQ(header), REQ(header?other) or REQ(header):length.
func isRequestOperator(name string) bool {
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
