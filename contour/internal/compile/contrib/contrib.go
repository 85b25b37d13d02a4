// Package contrib contains the contributions of root objects to hosts: the common form of the
// routes of all APIs. Package compile merges them to virtual hosts and resolves conflicts.
//
// It defines data and the order of precedence; it reads no objects.
package contrib

import (
	"cmp"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// Rank is the position of an API in the list of all APIs: of routes with equal matches, the route of the API with the
// higher rank is served.
type Rank uint8

// Root is the result for one root: a contribution to each of its hosts, its listeners and chains, and its
// report. A root is an object, or the configuration.
type Root struct {
	Contributions []Contribution
	Listeners     []ir.Listener
	Chains        []ir.Chain    // of listeners, of this or another root
	Report        report.Report // sealed
	// Cost and Created are those of all contributions, served or not; zero without any.
	Cost    Cost
	Created time.Time
	// Unread is the number of routes that are not in the contributions, because they exceed a budget by themselves.
	Unread int
	// Addresses is the number of Services of a Gateway that has Envoys of its own.
	Addresses int

	// TooLarge: the root has more routes than an object may have, and its hosts are closed.
	TooLarge bool
}

// Sharing is whether a contribution lets namespaces share a host.
type Sharing uint8

const (
	NotShared     Sharing = iota
	SharedByOwner         // if the object's namespace owns the hostname
	Shared
)

// Contribution contains what one root object adds to one hostname on one listener, with the rules for merging it.
type Contribution struct {
	Key     ir.HostKey
	Object  kobj.Key
	Created time.Time // the oldest contribution wins conflicts within a rank; the zero time is the oldest
	Rank    Rank      // compile sets it
	// ConflictType is the type of diagnostics about conflicts with other objects; compile sets it.
	ConflictType report.Type
	// Exclusive: the host belongs to the oldest root of this rank, and to no other root of this rank.
	Exclusive bool
	// EveryListener extends Exclusive to the hostname on every listener of the fleet, and Policies to
	// the routes that objects of the same namespace contribute there.
	EveryListener bool
	// Sharing is whether objects of several namespaces may have routes of the host, whichever of them owns the hostname; of objects
	// whose kind owns no hostnames.
	Sharing Sharing
	// JoinsTLS: the contribution is served only if one of its rank has TLS settings for the host, so that a rule of
	// one API adds no routes to a TLS host of another API.
	JoinsTLS bool

	// ByAge: of routes with matches of equal precedence, that of the oldest contribution precedes, then the first one of the
	// object; otherwise a fixed order of the matches decides, so that the age counts for equal matches only.
	ByAge bool
	// Chain is that of the virtual host (ir.VirtualHost.Chain); equal in all contributions to a host.
	Chain string

	// OpensChallenges: routes for challenges of ACME HTTP-01 require neither a token nor the authorization of the host. A
	// certificate authority sends neither, and over plain HTTP, where a host with either has redirects only.
	OpensChallenges bool

	// Weight is the number of Routes, where one counts once more for each KiB of its text.
	Weight int

	// Expressions is the cost of the regular expressions of Routes and Policies, in instructions (validate.Expression).
	Expressions int

	// Validation is how many TLS hosts cost as much as what validates the clients of this one (ref.Resolver.ValidationSize, ref.Resolver.GrantedCA).
	Validation int

	// Policies apply to the whole host on this listener, including the routes of lower ranks and other namespaces; nil for none.
	Policies *ir.Policies

	// Routes are in the order of the object. Of routes with equal matches, the last one is served, with ByAge the first one.
	Routes []ir.Route
	TLS    *ir.TLS      // only on a listener for HTTPS or TLS without chains
	TCP    *ir.TCPProxy // not on a listener for HTTP, instead of Routes
}

// Compare puts the winner of a conflict first: rank, then age, then namespace and name.
func (c *Contribution) Compare(o *Contribution) int {
	return cmp.Or(
		cmp.Compare(o.Rank, c.Rank),
		c.Created.Compare(o.Created),
		c.Object.Compare(o.Object),
	)
}
