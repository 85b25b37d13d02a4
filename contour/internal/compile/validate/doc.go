// Package validate says which values every API accepts: hostnames, names and values of headers, paths, regular
// expressions, timeouts, weights, ports, TLS versions and what can be retried.
//
// In go the texts and numbers of an object, out come the values that the routing model holds and a Problem. The limits
// are those of Envoy: what passes here is never a reason for it to reject a resource. Every function is pure and costs
// no more than a small constant times the length of its input; regular expressions are bounded before they are compiled.
//
// The package knows no API: which Reason a Problem becomes, and which field it is reported on, is for its callers, and
// so is every rule that only one API has.
package validate

// Problem says why a value cannot be used. It is the end of a sentence that begins with the value, without the full
// stop, as in "does not start with /". The empty Problem is that of a value that can be used.
type Problem string

// isAlphanumeric reports whether r is an ASCII letter or digit.
func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
