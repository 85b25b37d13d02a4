// Package validate validates the values that all APIs have in common: hostnames, names and values of headers, paths,
// regular expressions, timeouts, weights, ports, TLS versions and retry conditions.
//
// The input is strings and numbers of an object, the output values of the routing model and a Problem. The limits
// are those of Envoy: Envoy does not reject a resource because of a valid value. Every function is pure and takes
// time proportional to the length of its input; the length of regular expressions is bounded before they are compiled.
//
// The package does not depend on an API: callers select the Reason and field of a Problem, and implement the rules of
// a single API.
package validate

// Problem is the reason why a value is invalid: the end of a sentence that begins with the value, without the full
// stop, as in "does not start with /". It is empty for a valid value.
type Problem string

// isAlphanumeric reports whether r is an ASCII letter or digit.
func isAlphanumeric(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
