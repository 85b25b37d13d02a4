// Package contrib contains the contributions of root objects to hosts: the common form of the
// routes of all APIs. Package compile merges them to virtual hosts and resolves conflicts.
//
// It holds data and the order of precedence, no lookups.
package contrib

import (
	"cmp"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// Rank orders the APIs: where routes of two have equal matches, the higher rank wins.
type Rank uint8

// The ranks: HTTPProxy beats Ingress, as in Contour.
const (
	RankIngress Rank = iota
	RankHTTPProxy
)

// Root is the result for one root: a contribution to each of its hosts, its listeners, and its
// report. A root is an object, or the configuration.
type Root struct {
	Contributions []Contribution
	Listeners     []ir.Listener
	Report        report.Report // sealed
}

// Contribution is what one root object adds to one hostname on one listener, with the rules for merging it.
type Contribution struct {
	Key     ir.HostKey
	Object  kobj.Key
	Created time.Time // age decides conflicts within a rank; the zero time is the oldest
	Rank    Rank
	// Exclusive: no two roots of this rank may share the host; the oldest has it alone.
	Exclusive bool
	// BlocksLowerRanks: the host has a protection that cannot be served, so contributions of lower ranks are not served.
	BlocksLowerRanks bool
	// EveryListener extends Exclusive and BlocksLowerRanks to the hostname on every listener of the fleet, and Policies where
	// all objects of the host are of the same namespace.
	EveryListener bool
	// JoinsTLS: the contribution is served only where one of its rank has TLS settings for the host, so that a rule of
	// one API adds no routes to a TLS host of another API.
	JoinsTLS bool

	// Policies are those of the whole host, for lower ranks too; nil: none.
	Policies *ir.Policies

	// Routes in the order written. Of two with equal matches the later one is served.
	Routes []ir.Route
	TLS    *ir.TLS      // only on a TLS listener
	TCP    *ir.TCPProxy // only on a TLS listener, instead of Routes
}

// Compare puts the winner of a conflict first: rank, then age, then namespace and name.
func (c *Contribution) Compare(o *Contribution) int {
	return cmp.Or(
		cmp.Compare(o.Rank, c.Rank),
		c.Created.Compare(o.Created),
		c.Object.Compare(o.Object),
	)
}
