package ir

import (
	"fmt"
	"strings"
	"time"

	"contour.example/contour/internal/kobj"
)

// Tuning contains the settings of a cluster that few clusters have. It is comparable.
type Tuning struct {
	Idle      Timeout // of pooled connections
	Balancing Balancing
	SlowStart SlowStart   // zero: none; only with BalanceRoundRobin and BalanceLeastRequest
	Health    HealthCheck // zero: none
	// ClientCertificate is the Secret with the certificate that Envoy shows to endpoints, with a protocol that uses TLS; zero: none.
	ClientCertificate kobj.Name
	// Authorities is what few clusters have in their verification of the certificates of backends, beside Cluster.TLS.
	Authorities Authorities
	// FollowRedirects marks the redirects of the cluster that Envoy may follow, for routes with InternalRedirects.
	FollowRedirects bool
	// Combined: the cluster has the endpoints of several Services; zero: those of Cluster.Endpoints.
	Combined Combined
}

// Authorities says by which authorities the certificates of backends are verified, and for which URIs.
type Authorities struct {
	ConfigMap bool // UpstreamTLS.CA is a ConfigMap instead of a Secret
	System    bool // they are those of Envoy's machine instead
	URIs      List // subject alternative names (URI)
}

// Balancing is how an endpoint is selected for a request.
type Balancing uint8

// The ways to select an endpoint.
const (
	BalanceRoundRobin Balancing = iota
	BalanceRandom
	BalanceLeastRequest // of two endpoints, the one with fewer requests in progress
	BalanceHash         // consistent, by the hash of the request (Special.Hash)
)

// SlowStart increases the share of an endpoint that is new or healthy again.
type SlowStart struct {
	Window     time.Duration // until it has its full share; greater than 0
	Aggression float64       // of the increase; 1 is linear; greater than 0
	MinWeight  uint32        // at the beginning, in percent of the weight, 0 to 100
}

// HealthKind is how the health of endpoints is checked.
type HealthKind uint8

// The kinds of health checks.
const (
	HealthNone HealthKind = iota
	HealthHTTP            // requests
	HealthTCP             // connections
)

// HealthCheck configures the checks of endpoints by each Envoy. Endpoints that fail them get no requests.
type HealthCheck struct {
	Kind               HealthKind
	Interval, Timeout  time.Duration // greater than 0
	Healthy, Unhealthy uint32        // successes or failures in sequence that change the health of an endpoint
	Port               string        // the name of the Service's port for checks; "": the port of requests
	Path, Host         string        // of the requests of HealthHTTP
	Statuses           Statuses      // of a success of HealthHTTP; empty: 200
}

// Statuses is a set of HTTP status codes, 100 to 599. It is comparable.
type Statuses [8]uint64

// The status codes that a set can contain, and their end.
const (
	firstStatus = 100
	endOfStatus = 600
)

// StatusRange is a range of status codes.
type StatusRange struct {
	Start int
	End   int // exclusive
}

// With returns the set with the codes from start to end, which is exclusive. Other codes than 100 to 599 are omitted.
func (s Statuses) With(start, end int) Statuses {
	for code := max(start, firstStatus); code < min(end, endOfStatus); code++ {
		s[(code-firstStatus)/64] |= 1 << ((code - firstStatus) % 64)
	}
	return s
}

// Has reports whether the set contains the code.
func (s Statuses) Has(code int) bool {
	return code >= firstStatus && code < endOfStatus && s[(code-firstStatus)/64]&(1<<((code-firstStatus)%64)) != 0
}

// Ranges returns the codes as the fewest ranges, in order.
func (s Statuses) Ranges() []StatusRange {
	var out []StatusRange
	for code := firstStatus; code < endOfStatus; code++ {
		switch last := len(out) - 1; {
		case !s.Has(code):
		case last >= 0 && out[last].End == code:
			out[last].End++
		default:
			out = append(out, StatusRange{code, code + 1})
		}
	}
	return out
}

// String returns the ranges with inclusive ends, such as "200-299 404".
func (s Statuses) String() string {
	var texts []string
	for _, r := range s.Ranges() {
		if r.End == r.Start+1 {
			texts = append(texts, fmt.Sprint(r.Start))
			continue
		}
		texts = append(texts, fmt.Sprintf("%d-%d", r.Start, r.End-1))
	}
	return strings.Join(texts, " ")
}
