// Package contrib is what each API says about hosts: the common form in which
// HTTPProxy, Ingress and later APIs hand their routes to compile, which merges
// them host by host, resolves their conflicts and makes the virtual hosts.
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

// Rank orders the APIs: where two say something about the same requests of a host, the higher rank wins.
type Rank uint8

// The ranks: HTTPProxy beats Ingress, as in Contour.
const (
	RankIngress Rank = iota
	RankHTTPProxy
)

// Root is all that one root says: a contribution for each host that it claims, the listeners that it asks for, and its
// report. A root is an object, or the configuration.
type Root struct {
	Contributions []Contribution
	Listeners     []ir.Listener
	Report        report.Report // sealed
}

// Contribution is what one root object says about one host of one listener. It says itself how it gets on with others.
type Contribution struct {
	Key     ir.HostKey
	Object  kobj.Key
	Created time.Time // age decides conflicts within a rank; the zero time is the oldest
	Rank    Rank
	// Exclusive: no two roots of this rank may share the host; the oldest has it alone.
	Exclusive bool
	// Closed: something that protects the whole host cannot be served, so nothing of a weaker rank may be served there.
	Closed bool
	// EveryListener extends Exclusive, Closed and Policies to the hostname on every listener of the fleet.
	EveryListener bool
	// JoinsTLS: the contribution is served only where another of its rank brings TLS settings for the host. Nobody gets
	// onto a TLS host of another API by writing a rule.
	JoinsTLS bool

	// Policies are those of the whole host, for weaker ranks too; nil: none.
	Policies *ir.Policies

	// Routes in the order written. Of two with equal matches the later one counts.
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
