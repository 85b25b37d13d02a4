package validate

import (
	"net/netip"
	"strings"
)

const (
	// maxHostname is the maximum length of a hostname, without the "*." of a wildcard (RFC 1123).
	maxHostname = 253
	// maxAuthority bounds the Host header of forwarded requests.
	maxAuthority = 512
)

// Hostname returns the lower-case form of a DNS name, of which the first label may be "*". IP addresses are valid: see
// IsAddress.
func Hostname(s string) (string, Problem) {
	s = strings.ToLower(s)
	if !isDNSName(strings.TrimPrefix(s, "*.")) {
		return "", `is not a DNS name, with at most a leading "*."`
	}
	return s, ""
}

// PreciseHostname returns the lower-case form of a DNS name without a wildcard.
func PreciseHostname(s string) (string, Problem) {
	s = strings.ToLower(s)
	if !isDNSName(s) {
		return "", "is not a DNS name"
	}
	return s, ""
}

// IsAddress reports whether s is an IP address, which is not a hostname in Ingress and the Gateway API.
func IsAddress(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// Authority checks that s has only characters of a hostname or IP address with an optional port, as in a Host header.
func Authority(s string) Problem {
	invalid := func(r rune) bool { return !isAlphanumeric(r) && !strings.ContainsRune("-._:[]", r) }
	if s == "" || len(s) > maxAuthority || strings.ContainsFunc(s, invalid) {
		return "is not a hostname or IP address with an optional port"
	}
	return ""
}

// ServerName returns the server name (SNI) for an authority; "" if it is an IP address, for which TLS has no server name.
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
