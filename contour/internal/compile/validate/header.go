package validate

import (
	"strings"
	"unicode/utf8"

	"contour.example/contour/internal/ir"
)

const (
	// MaxHeaderEdits is how many headers one list of changes may name in Envoy.
	MaxHeaderEdits = 1000
	// maxHeaderValue is how many bytes a value that is added may have in Envoy, as formatted.
	maxHeaderValue = 16384
	// maxName is how many bytes the name of a header or query parameter may have in Envoy.
	maxName = 1024
)

// HeaderName checks that s is a token of RFC 9110, as names of headers are.
func HeaderName(s string) Problem {
	foreign := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r) }
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, foreign) {
		return "is not the name of a header"
	}
	return ""
}

// HeaderMatchName checks that s is the name of a header or of a pseudo-header such as :authority.
func HeaderMatchName(s string) Problem { return HeaderName(strings.TrimPrefix(s, ":")) }

// QueryName checks that s is a name that a query parameter can have.
func QueryName(s string) Problem {
	if s == "" || len(s) > maxName || !IsText(s) {
		return "is not the name of a query parameter"
	}
	return ""
}

// HeaderValue checks that a value can be given to a header: as it is written, and as Expand or Escape makes it for Envoy.
func HeaderValue(written, formatted string) Problem {
	if written == "" || len(formatted) > maxHeaderValue || !IsText(written) {
		return "is empty, too long or has control characters"
	}
	return ""
}

// MatchValue checks that headers and query parameters can be compared with the value.
func MatchValue(k ir.StringKind, value string) Problem {
	switch {
	case !IsText(value):
		return controlCharacters
	case k == ir.StringRegex:
		return Regex(value)
	}
	return ""
}

const controlCharacters Problem = "has control characters"

// IsText reports whether s is UTF-8 without control characters of ASCII.
func IsText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
