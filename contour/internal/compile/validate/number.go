package validate

import (
	"fmt"
	"math"
)

// Port checks that the number is a port of TCP or UDP.
func Port[N int | int32](port N) Problem {
	if port < 1 || port > math.MaxUint16 {
		return "is not between 1 and 65535"
	}
	return ""
}

// Weights converts a list of weights. Envoy accepts weights if they and their sum are 32-bit numbers. index is the index of
// the weight with the Problem, or -1 if their sum is invalid.
func Weights(weights []int64) (shares []uint32, index int, p Problem) {
	shares = make([]uint32, len(weights))
	sum := uint64(0)
	for i, w := range weights {
		if w < 0 || w > math.MaxUint32 {
			return nil, i, Problem(fmt.Sprintf("is not between 0 and %d", uint32(math.MaxUint32)))
		}
		shares[i] = uint32(w)
		sum += uint64(w)
	}
	if sum > math.MaxUint32 {
		return nil, -1, Problem(fmt.Sprintf("add up to %d, more than %d", sum, uint32(math.MaxUint32)))
	}
	return shares, 0, ""
}

// RedirectCode checks that Envoy can send a redirect with the status code.
func RedirectCode(code uint32) Problem {
	switch code {
	case 301, 302, 303, 307, 308:
		return ""
	}
	return "is not one of 301, 302, 303, 307 and 308"
}

// RetryCode checks that a response with the status code can be retried.
func RetryCode(code uint32) Problem {
	if code < 100 || code > 599 {
		return "is not between 100 and 599"
	}
	return ""
}

// DirectCode checks that Envoy can send a direct response with the status code.
func DirectCode[N int | uint32](code N) Problem {
	if code < 200 || code > 599 {
		return "is not between 200 and 599"
	}
	return ""
}

// RateLimitCode checks that a rate limit of Envoy can answer with the status code.
func RateLimitCode(code uint32) Problem {
	switch code {
	case 418, 419, 420, 425, 427, 430, 509: // not among the constants of Envoy
	default:
		if code >= 400 && code <= 431 || code >= 500 && code <= 511 {
			return ""
		}
	}
	return "is not a 4xx or 5xx status code that Envoy supports"
}
