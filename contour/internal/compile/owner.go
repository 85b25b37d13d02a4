package compile

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// addOwners adds the tables of the owners of hostnames. They are apart from the hosts and hold nothing about other claims,
// so that these cost an edit of an owner's object no more than a look at their names. Only hostnames that several roots claim
// have an owner here.
func (c *Compile) addOwners(e *memo.Engine) {
	c.ages = memo.NewTable(e, memo.Options[kobj.Key, time.Time]{
		Name: "compile/age", Equal: time.Time.Equal,
		Derive: func(r *memo.Reader, k kobj.Key) time.Time { return age(c.roots.Get(r, k)) },
	})
	c.owners = memo.NewTable(e, memo.Options[ir.HostKey, kobj.Key]{
		Name: "compile/owner", Derive: c.deriveOwner, Equal: func(a, b kobj.Key) bool { return a == b },
	})
	c.consents = memo.NewTable(e, memo.Options[ir.HostKey, bool]{
		Name: "compile/consent", Derive: c.deriveConsent, Equal: func(a, b bool) bool { return a == b },
	})
	c.contested = memo.NewShared(c.claims, "compile/hosts that other roots claim too", ir.HostKey.Compare)
}

// age is the time of creation of a root, as its contributions have it.
func age(r contrib.Root) time.Time {
	if len(r.Contributions) == 0 {
		return time.Time{}
	}
	return r.Contributions[0].Created
}

// deriveOwner finds the oldest claim to a hostname, whose namespace owns it on every listener of the fleet. It is zero if
// no other namespace claims it, or if namespaces share hostnames.
func (c *Compile) deriveOwner(r *memo.Reader, host ir.HostKey) kobj.Key {
	claims := c.owning(c.claims.Get(r, host))
	if host.Hostname == "" || !severalNamespaces(claims) || !c.store.Settings.Objects.Get(r).NamespacesOwnHosts {
		return kobj.Key{}
	}
	winner, oldest := claims[0], c.ages.Get(r, claims[0])
	for _, k := range claims[1:] {
		if created := c.ages.Get(r, k); cmp.Or(created.Compare(oldest), k.Compare(winner)) < 0 {
			winner, oldest = k, created
		}
	}
	return winner
}

// deriveConsent reports whether namespaces share a virtual host although one of them owns the hostname: a listener of exactly that
// hostname admits routes of several. It is of an object in the namespace of the Gateway or of the owner; nobody else gives the hostname
// away.
func (c *Compile) deriveConsent(r *memo.Reader, k ir.HostKey) bool {
	owner := c.owners.Get(r, hostname(k))
	for _, root := range c.claims.Get(r, hostname(k)) {
		if !c.apis[root.Kind].OwnsNoHosts {
			continue
		}
		for _, own := range contributionsTo(c.roots.Get(r, root).Contributions, hostname(k)) {
			if own.Key == k && (own.Sharing == contrib.Shared || own.Sharing == contrib.SharedByOwner && root.Namespace == owner.Namespace) {
				return true
			}
		}
	}
	return false
}

// admitted is the claims to a virtual host that may be served: those of the namespace that owns the hostname, or all.
func (c *Compile) admitted(r *memo.Reader, k ir.HostKey) []kobj.Key {
	claims := c.claims.Get(r, hostname(k))
	if !severalNamespaces(c.owning(claims)) {
		return claims
	}
	owner := c.owners.Get(r, hostname(k))
	if owner == (kobj.Key{}) || c.consents.Get(r, k) {
		return claims
	}
	var own []kobj.Key
	for _, root := range claims {
		if root.Namespace == owner.Namespace || c.apis[root.Kind].OwnsNoHosts {
			own = append(own, root)
		}
	}
	return own
}

// owning is the claims of roots that may own hostnames.
func (c *Compile) owning(claims []kobj.Key) []kobj.Key {
	without := func(k kobj.Key) bool { return c.apis[k.Kind].OwnsNoHosts }
	if !slices.ContainsFunc(claims, without) {
		return claims
	}
	return slices.DeleteFunc(slices.Clone(claims), without)
}

func severalNamespaces(keys []kobj.Key) bool {
	for i := 1; i < len(keys); i++ {
		if keys[i].Namespace != keys[0].Namespace {
			return true
		}
	}
	return false
}

// lostHosts is the diagnostics about the hostnames of a root that other namespaces own: errors, or warnings if the root serves
// the hostname on another listener.
func (c *Compile) lostHosts(r *memo.Reader, k kobj.Key) (lost []report.Diagnostic) {
	if c.apis[k.Kind].OwnsNoHosts {
		return nil
	}
	for _, host := range c.contested.Get(r, k) {
		owner := c.owners.Get(r, host)
		if owner == (kobj.Key{}) || owner.Namespace == k.Namespace {
			continue
		}
		own := contributionsTo(c.roots.Get(r, k).Contributions, host)
		served := 0
		for i := range own {
			if c.consents.Get(r, own[i].Key) {
				served++
			}
		}
		if served < len(own) {
			lost = append(lost, c.lostHost(k, host.Hostname, owner, served > 0))
		}
	}
	return lost
}

// lostHost is the diagnostic on an object about a hostname that another namespace owns, on some of the object's listeners or on all.
func (c *Compile) lostHost(loser kobj.Key, hostname string, owner kobj.Key, onSome bool) report.Diagnostic {
	d := report.Diagnostic{
		Object: loser, Type: c.apis[loser.Kind].Types.Conflict, Reason: report.DuplicateVhost, Field: "spec",
		Message: fmt.Sprintf("Host %q belongs to namespace %q, whose %s is the oldest claim to it.", hostname, owner.Namespace, owner),
	}
	if onSome {
		d.Severity = report.Warning
		d.Message = fmt.Sprintf("Host %q belongs to namespace %q on some of the listeners; its %s is the oldest claim to it.", hostname, owner.Namespace, owner)
	}
	if loser.Kind == kobj.HTTPProxy {
		d.Type, d.Field = report.TypeVirtualHost, "spec.virtualhost.fqdn"
	}
	return d
}
