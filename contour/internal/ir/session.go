package ir

import (
	"time"

	"contour.example/contour/internal/kobj"
)

// Session makes the requests of a session reach one endpoint, as long as the cluster has it. A session begins with a request without a
// token, or with one that names no endpoint of the cluster: the endpoint that it reaches is in the token of its response.
type Session struct {
	Name   string // of the cookie with the token, or of the header
	Header bool   // the token is in a header of responses and of requests; the rest is empty then
	// Path is the path of the cookie. Requests to other paths have no session.
	Path     string
	Lifetime time.Duration // of the cookie, in whole seconds; 0: until the client forgets it
	Secure   bool          // the client sends the cookie only over TLS
}

// Combined makes a cluster one of several Services, between which the weights of Special.Targets decide, and a session before them.
// Cluster.Endpoints and Port are those of the first Service. The zero value stands for a cluster of one Service.
type Combined struct {
	Origin kobj.Key // the route
	Rule   uint16   // the index of its rule, for whose requests alone the cluster is
	// Services are the namespace, the name and the port of each, as in EndpointKey. The cluster never has the endpoints of others,
	// also while an edit of the route is on its way.
	Services List
}

// NewCombined returns the value for the Services of a rule.
func NewCombined(origin kobj.Key, rule uint16, services []EndpointKey) Combined {
	var items []string
	for _, s := range services {
		items = append(items, s.Service.Namespace, s.Service.Name, s.Port)
	}
	return Combined{Origin: origin, Rule: rule, Services: NewList(items...)}
}

// Endpoints returns the ports of Services of which the cluster has the endpoints; nil for the zero value.
func (c Combined) Endpoints() []EndpointKey {
	if c == (Combined{}) {
		return nil
	}
	var out []EndpointKey
	for items := c.Services.Items(); len(items) > 2; items = items[3:] {
		out = append(out, EndpointKey{Service: kobj.Name{Namespace: items[0], Name: items[1]}, Port: items[2]})
	}
	return out
}

// Services returns the ports of Services of which the cluster has the endpoints, at least one.
func (c *Cluster) Services() []EndpointKey {
	if all := c.Tuning.Value().Combined.Endpoints(); len(all) > 0 {
		return all
	}
	return []EndpointKey{c.Endpoints}
}

// Target is a Service of a cluster that is Combined.
type Target struct {
	Endpoints EndpointKey
	Port      int32  // as of Cluster
	Weight    uint32 // 0: it only has the requests of sessions
}

// Services returns the backends with one for each Service of a cluster that is Combined, as they would be without sessions.
func (f *Forward) Services() []Backend {
	if f.Special == nil || len(f.Special.Targets) == 0 {
		return f.Backends
	}
	var out []Backend
	for _, b := range f.Backends {
		tuning := b.Cluster.Tuning.Value()
		if tuning.Combined == (Combined{}) {
			out = append(out, b)
			continue
		}
		tuning.Combined = Combined{}
		b.Cluster.Tuning = Intern(tuning)
		for _, to := range f.Special.Targets {
			b.Cluster.Endpoints, b.Cluster.Port, b.Weight = to.Endpoints, to.Port, to.Weight
			out = append(out, b)
		}
	}
	return out
}
