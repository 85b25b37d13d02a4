package preview

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
)

// Difference is what a change of manifests does to requests.
type Difference struct {
	Hosts      []HostDifference
	Introduced []Finding // of the new manifests, that the old ones do not have
	Fixed      []Finding // of the old manifests, that the new ones do not have
	Compared   int       // hosts
	Asked      int       // requests, each answered with both configurations
	// Unknown is the number of requests, and of classes of requests, whose answer is not known: the model of Envoy or the search for
	// requests does not support them.
	Unknown int
}

// HostDifference is the differences of one host of a listener.
type HostDifference struct {
	Listener string            `json:"listener"`
	Host     string            `json:"host"`
	TLS      bool              `json:"tls,omitempty"`
	Change   HostChange        `json:"change"`
	Settings []Setting         `json:"settings,omitempty"` // of connections
	Requests []RequestOutcomes `json:"requests,omitempty"`
	Object   kobj.Key          `json:"-"` // that specifies the host
	File     string            `json:"file,omitempty"`
	Line     int               `json:"line,omitempty"`
}

// HostChange is what becomes of a host.
type HostChange string

// The changes.
const (
	Added   HostChange = "added"
	Removed HostChange = "removed"
	Changed HostChange = "changed"
)

// RequestOutcomes is a class of requests with different outcomes.
type RequestOutcomes struct {
	Request Request `json:"-"`
	// Lost: a backend answered the request, and does not any more.
	Lost     bool      `json:"lost,omitempty"`
	Old      string    `json:"old,omitempty"` // the outcome and its cause, as explained; "" of both if only settings differ
	New      string    `json:"new,omitempty"`
	Settings []Setting `json:"settings,omitempty"` // of the route, if the outcomes do not differ
	More     int       `json:"more,omitempty"`     // further classes with the same difference
}

// Differs reports whether any request or connection is affected.
func (d *Difference) Differs() bool { return len(d.Hosts) > 0 }

// Compare returns the differences between two configurations. Both are asked one request of each class of requests that the routes of
// either tell apart; what a route does is compared with all its settings. Causes and positions play no part.
func Compare(old, updated *Preview) (*Difference, error) {
	c := &comparison{old: old, updated: updated, out: &Difference{}, changed: old.differsBeyondRoutes(updated), effort: effort{maxEffort}}
	c.out.Introduced, c.out.Fixed = without(updated.Findings, old.Findings), without(old.Findings, updated.Findings)
	keys := map[ir.HostKey]bool{}
	for _, p := range []*Preview{old, updated} {
		for k := range p.hosts {
			keys[k] = true
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(keys), ir.HostKey.Compare) {
		if err := c.host(k); err != nil {
			return nil, err
		}
	}
	return c.out, nil
}

// without returns the findings that are not in the others, wherever they are in the files.
func without(found, others []Finding) []Finding {
	type identity struct {
		object         kobj.Key
		field, message string
	}
	known := map[identity]bool{}
	of := func(f Finding) identity { return identity{f.Object, f.Field, f.Message} }
	for _, f := range others {
		known[of(f)] = true
	}
	return slices.DeleteFunc(slices.Clone(found), func(f Finding) bool { return known[of(f)] })
}

// differsBeyondRoutes reports whether objects differ on which the answers of equal routes may depend, such as Secrets and EndpointSlices.
func (p *Preview) differsBeyondRoutes(o *Preview) bool {
	routes := []kobj.Kind{kobj.HTTPProxy, kobj.Ingress, kobj.HTTPRoute, kobj.GRPCRoute}
	differs := func(a, b map[kobj.Key]any) bool {
		for k, v := range a {
			if !slices.Contains(routes, k.Kind) && !reflect.DeepEqual(v, b[k]) {
				return true
			}
		}
		return false
	}
	a, b := p.content(), o.content()
	return differs(a, b) || differs(b, a)
}

func (p *Preview) content() map[kobj.Key]any {
	out := map[kobj.Key]any{}
	for k, o := range p.objects {
		out[k] = o
	}
	return out
}

type comparison struct {
	old, updated *Preview
	changed      bool // objects other than routes
	effort       effort
	out          *Difference
}

// host compares what requests for a host get.
func (c *comparison) host(k ir.HostKey) error {
	c.out.Compared++
	d := HostDifference{Listener: k.Listener.Name, Host: k.Hostname, Change: Changed}
	old, updated := c.old.hosts[k], c.updated.hosts[k]
	of, from := updated, c.updated
	switch {
	case old == nil:
		d.Change = Added
	case updated == nil:
		d.Change, of, from = Removed, old, c.old
	case !c.changed && reflect.DeepEqual(old, updated) && c.old.address(k) == c.updated.address(k):
		return nil
	}
	if len(of.Origins) > 0 {
		d.Object = of.Origins[0]
		at, _ := from.positions.Position(d.Object, hostnames(from.objects[d.Object])[k.Hostname])
		d.File, d.Line = at.File, at.Line
	}
	d.TLS = of.TLS != nil || k.Listener.Name == secureListener
	if old != nil && updated != nil {
		d.Settings = c.old.connectionEffect(old).differences(c.updated.connectionEffect(updated))
		if was, is := c.old.address(k), c.updated.address(k); portOf(was) != portOf(is) {
			d.Settings = append(d.Settings, Setting{"port", portOf(was), portOf(is)})
		}
	}
	for _, name := range hostsFor(k.Hostname) {
		if err := c.requests(&d, k, name); err != nil {
			return err
		}
	}
	if d.Change != Changed || len(d.Settings) > 0 || len(d.Requests) > 0 {
		c.out.Hosts = append(c.out.Hosts, d)
	}
	return nil
}

// The listeners of Ingress and HTTPProxy.
const (
	plainListener  = "ingress_http"
	secureListener = "ingress_https"
)

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// address returns the address and port of the listener of a host.
func (p *Preview) address(k ir.HostKey) string { return target(p.listeners[k.Listener]) }

// hostsFor returns hosts that a hostname is for: of a wildcard, with one label and with two in place of the star.
func hostsFor(hostname string) []string {
	switch suffix, wildcard := strings.CutPrefix(hostname, "*"); {
	case hostname == "" || hostname == "*":
		return []string{"any.host.invalid"}
	case wildcard:
		return []string{"any" + suffix, "any.host" + suffix}
	}
	return []string{hostname}
}

// requests compares the answers to the requests for a host.
func (c *comparison) requests(d *HostDifference, k ir.HostKey, host string) error {
	sides := [2]*side{c.old.side(k, host), c.updated.side(k, host)}
	var routes []ir.Route
	for _, s := range sides {
		if s.vhost != nil {
			routes = append(routes, s.vhost.Routes...)
		}
	}
	requests, complete := witnessesOf(routes, &c.effort)
	if !complete {
		c.out.Unknown++
	}
	known := map[pair]int{}
	for _, r := range requests {
		r.Host, r.TLS = host, d.TLS
		if err := c.ask(d, r, sides, known); err != nil {
			return err
		}
	}
	return nil
}

// pair identifies a difference.
type pair struct {
	routes [2]place
	what   string
}

// place is the rule of an object that a route is made of; zero for no route.
type place struct {
	object kobj.Key
	source ir.Source
}

func placeOf(r *ir.Route) place {
	if r == nil {
		return place{}
	}
	return place{r.Origin, r.Source}
}

func (c *comparison) ask(d *HostDifference, r Request, sides [2]*side, known map[pair]int) error {
	var found [2]response
	c.out.Asked++
	for i, s := range sides {
		var err error
		if found[i], err = s.ask(r); err != nil {
			c.out.Unknown++
			return nil //nolint:nilerr // the model says that it does not know the answer
		}
	}
	x := RequestOutcomes{Request: r}
	key := pair{routes: [2]place{placeOf(found[0].route), placeOf(found[1].route)}}
	if was, is := outcome(found[0].answer), outcome(found[1].answer); was != is {
		x.Lost = len(found[0].answer.From) > 0 && len(found[1].answer.From) == 0
		key.what = shape(found[0].answer) + shape(found[1].answer)
	} else {
		if x.Settings = found[0].effect.differences(found[1].effect); len(x.Settings) == 0 {
			x.Settings = details(found[0].answer).differences(details(found[1].answer))
		}
		if len(x.Settings) == 0 {
			return nil
		}
		for _, s := range x.Settings {
			key.what += s.Path + s.Old + s.New + "\x00"
		}
	}
	if at, ok := known[key]; ok {
		d.Requests[at].More++
		return nil
	}
	known[key] = len(d.Requests)
	if len(x.Settings) == 0 {
		var err error
		if x.Old, x.New, err = c.verdicts(r, sides); err != nil {
			return err
		}
	}
	d.Requests = append(d.Requests, x)
	return nil
}

// shape is an outcome without what differs between the requests of a class.
func shape(a semantic.Answer) string {
	a.Location = ""
	a.From = slices.Clone(a.From)
	for i := range a.From {
		a.From[i].Host, a.From[i].Path = "", ""
	}
	return outcome(a) + "\x00"
}

func (c *comparison) verdicts(r Request, sides [2]*side) (old, updated string, err error) {
	var out [2]string
	for i, p := range []*Preview{c.old, c.updated} {
		r.To = sides[i].to
		x, err := p.Explain(r)
		if err != nil {
			return "", "", err
		}
		out[i] = x.Verdict
	}
	if out[0] == out[1] { // the backends get another request, or another share of them
		return out[0] + served(r, sides[0]), out[1] + served(r, sides[1]), nil
	}
	return out[0], out[1], nil
}

// served says what a backend receives.
func served(r Request, s *side) string {
	found, err := s.ask(r)
	if err != nil || len(found.answer.From) == 0 {
		return ""
	}
	u := found.answer.From[0]
	text := " as " + cmp.Or(u.Host, r.Host) + MaskedURL(u.Path)
	if found.answer.Lost > 0 {
		text += fmt.Sprintf(", weight %d of no backend", found.answer.Lost)
	}
	return text
}
