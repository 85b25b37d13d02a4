package validate

import (
	"net/netip"
	"strings"
)

const (
	// maxHostname is how long a hostname may be, without the "*." of a wildcard (RFC 1123).
	maxHostname = 253
	// maxAuthority bounds a hostname with a port that a request is sent on with.
	maxAuthority = 512
)

// Hostname is the lower-case form of a DNS name, of which the first label may be "*". It may look like an IP address:
// see IsAddress.
func Hostname(s string) (string, Problem) {
	s = strings.ToLower(s)
	if !isDNSName(strings.TrimPrefix(s, "*.")) {
		return "", `is not a DNS name, of which only the first label may be a single "*"`
	}
	return s, ""
}

// PreciseHostname is the lower-case form of a DNS name without a wildcard.
func PreciseHostname(s string) (string, Problem) {
	s = strings.ToLower(s)
	if !isDNSName(s) {
		return "", "is not a DNS name"
	}
	return s, ""
}

// IsAddress reports whether s is an IP address, which Ingress and Gateway API do not take for a hostname.
func IsAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// Authority checks that s has only characters of a hostname or address, with or without a port, as in a Host header.
func Authority(s string) Problem {
	foreign := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-._:[]", r) }
	if s == "" || len(s) > maxAuthority || strings.ContainsFunc(s, foreign) {
		return "is not a host name"
	}
	return ""
}

// ServerName is the hostname of an authority as TLS names servers; "" if it has none, because addresses are no names.
func ServerName(authority string) string {
	name, _, _ := strings.Cut(authority, ":")
	if _, p := PreciseHostname(name); p != "" || IsAddress(name) {
		return ""
	}
	return name
}

// isDNSName reports whether s is a DNS-1123 subdomain: at most 253 characters, dots between labels.
func isDNSName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return len(s) <= maxHostname
}

func isLabel(s string) bool {
	inner := strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-")
	return s != "" && inner == "" && s[0] != '-' && s[len(s)-1] != '-'
}
