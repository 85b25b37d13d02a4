package validate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"contour.example/contour/internal/ir"
)

const (
	// MaxHeaderEdits is the maximum number of headers in one list of changes of an object. With those of the configuration
	// they are as many as one list of Envoy may have.
	MaxHeaderEdits = 1000 - MaxDefaultHeaderEdits
	// MaxDefaultHeaderEdits is the maximum number of headers in one list of changes of the configuration.
	MaxDefaultHeaderEdits = 100
	// maxHeaderValue is the maximum length in bytes of the format string of a value that Envoy adds.
	maxHeaderValue = 16384
	// maxName is the maximum length in bytes of the name of a header or query parameter in Envoy.
	maxName = 1024
)

// HeaderName checks that s is a header name: a token of RFC 9110.
func HeaderName(s string) Problem {
	invalid := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) }
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, invalid) {
		return "is not a valid header name, such as X-Request-Id"
	}
	return ""
}

// EditableHeader checks that s is the name of a header that a message may be given or lose on its way: a name of a header, and
// none of those that say where the message ends (RFC 9112, section 6) or that are for one connection only (RFC 9110, section
// 7.6.1). Envoy sets those itself; with another value the next message on the connection could be one that nobody sent.
func EditableHeader(s string) Problem {
	if p := HeaderName(s); p != "" {
		return p
	}
	switch strings.ToLower(s) {
	case "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "keep-alive", "proxy-connection":
		return "is a header of the connection or of the framing of messages, which only Envoy sets and removes"
	}
	return ""
}

// HeaderMatchName checks that s is the name of a header or of a pseudo-header such as :authority.
func HeaderMatchName(s string) Problem { return HeaderName(strings.TrimPrefix(s, ":")) }

// QueryName checks that s is the name of a query parameter.
func QueryName(s string) Problem {
	if s == "" || len(s) > maxName || !IsText(s) {
		return Problem(fmt.Sprintf("is not a query parameter name of 1 to %d bytes without control characters", maxName))
	}
	return ""
}

// HeaderValue checks the value of a header, and the format string that Expand or Escape returns for it.
func HeaderValue(value, format string) Problem {
	switch {
	case value == "":
		return "is empty"
	case !IsText(value):
		return controlCharacters
	case len(format) > maxHeaderValue:
		return Problem(fmt.Sprintf("is longer than %d bytes", maxHeaderValue))
	}
	return ""
}

// MatchValue checks a value with which headers and query parameters are compared. regex checks a regular expression.
func MatchValue(k ir.StringKind, value string, regex func(string) Problem) Problem {
	switch {
	case !IsText(value):
		return controlCharacters
	case k == ir.StringRegex:
		return regex(value)
	}
	return ""
}

const controlCharacters Problem = "has control characters"

// IsText reports whether s is UTF-8 without ASCII control characters.
func IsText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
