package validate

import (
	"fmt"
	"math"
)

// Port checks that it is a port of TCP or UDP.
func Port[N int | int32](port N) Problem {
	if port < 1 || port > math.MaxUint16 {
		return "is not between 1 and 65535"
	}
	return ""
}

// Weights is the shares of requests that a list of weights stands for, which Envoy takes if they and their sum are
// 32-bit numbers. bad is the index of the weight that has the Problem, or -1 if it is their sum that has it.
func Weights(weights []int64) (shares []uint32, bad int, p Problem) {
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

// RedirectCode checks that it is the status code of a redirection that Envoy can answer with.
func RedirectCode(code uint32) Problem {
	switch code {
	case 301, 302, 303, 307, 308:
		return ""
	}
	return "is not one of 301, 302, 303, 307 and 308"
}

// RetryCode checks that a response with the status code can be a reason to retry.
func RetryCode(code uint32) Problem {
	if code < 100 || code > 599 {
		return "is not between 100 and 599"
	}
	return ""
}

// DirectCode checks that it is a status code that Envoy can answer with by itself.
func DirectCode[N int | uint32](code N) Problem {
	if code < 200 || code > 599 {
		return "is not between 200 and 599"
	}
	return ""
}

// LimitCode checks that it is the status code of an error that a rate limit of Envoy can answer with.
func LimitCode(code uint32) Problem {
	switch code {
	case 418, 419, 420, 425, 427, 430, 509: // not among those that Envoy names
	default:
		if code >= 400 && code <= 431 || code >= 500 && code <= 511 {
			return ""
		}
	}
	return "is not one of an error that Envoy knows"
}
