// Package validate checks the values that all APIs have in common: hostnames, names and values of headers, paths, regular
// expressions, timeouts, weights, ports, TLS versions and what can be retried.
//
// The input is texts and numbers of an object, the output values of the routing model and a Problem. The limits
// are those of Envoy: what passes here is never a reason for it to reject a resource. Every function is pure and costs
// no more than a small constant times the length of its input; regular expressions are bounded before they are compiled.
//
// The package knows no API: callers choose the Reason and field of a Problem, and implement every rule
// that only one API has.
package validate

// Problem is why a value cannot be used. It is the end of a sentence that begins with the value, without the full
// stop, as in "does not start with /". The empty Problem is that of a value that can be used.
type Problem string

// isAlphanumeric reports whether r is an ASCII letter or digit.
func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
