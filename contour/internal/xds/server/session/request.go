package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"contour.example/contour/internal/xds/table"
)

// Reasons to end the stream.
var (
	ErrType     = errors.New("resource type is not served")
	ErrLimits   = errors.New("too many or too long resource names")
	ErrWildcard = errors.New("resources of this type are subscribed to by name")
)

const wildcardName = "*"

// Verdict is the result of a request for the table: which versions the client accepts or rejects.
type Verdict struct {
	Type        table.Type
	Acked       bool             // the request acknowledges a response
	ErrorDetail string           // non-empty: the request rejects a response; Envoy's error detail
	Accepted    []*table.Version // the client has these
	Rejected    *table.Version   // the client rejects exactly this one; nil while several are possible
	Has         *table.Version   // with Rejected: what the client accepted of that resource before; nil: nothing, or unknown
}

// Request applies a request of the client. An error is one of the Err values, wrapped, and ends the stream.
func (s *State) Request(req *discoveryv3.DeltaDiscoveryRequest, now time.Time) (Verdict, error) {
	t, ok := table.TypeOf(req.GetTypeUrl())
	if !ok {
		return Verdict{}, fmt.Errorf("%w: %.100q", ErrType, req.GetTypeUrl())
	}
	if err := s.check(t, req); err != nil {
		return Verdict{}, err
	}
	flight := s.takeFlight(t, req.GetResponseNonce())
	verdict := s.handleAnswer(t, flight, req, now)
	verdict.Type = t
	state := &s.types[t]
	if !state.seen {
		state.seen = true
		verdict.Accepted = append(verdict.Accepted, s.reported(t, req.GetInitialResourceVersions())...)
		if len(req.GetResourceNamesSubscribe()) == 0 && t.Collective() {
			s.subscribeAll(t)
		}
		state.firstResponseDue = len(req.GetInitialResourceVersions()) == 0
		s.markRemovalsPending()
		s.markPostponed()
		if t == table.Listener {
			s.recheckType(t)
		}
	}
	for _, name := range req.GetResourceNamesUnsubscribe() {
		s.unsubscribe(t, name)
	}
	for _, name := range req.GetResourceNamesSubscribe() {
		_, had := req.GetInitialResourceVersions()[name]
		s.subscribe(t, name, !had)
	}
	s.dropForgotten(flight)
	s.review(t)
	return verdict, nil
}

// check returns an error if the request exceeds the limits, or subscribes to all resources of a type of which Envoy needs
// only some: a Secret is sent to a client that asks for it by name.
func (s *State) check(t table.Type, req *discoveryv3.DeltaDiscoveryRequest) error {
	count, bytes := s.names, s.nameBytes
	add := func(name string) error {
		count++
		bytes += len(name)
		if len(name) > s.limits.NameBytes {
			return fmt.Errorf("%w: a name of %d bytes", ErrLimits, len(name))
		}
		return nil
	}
	for _, name := range req.GetResourceNamesSubscribe() {
		if name == wildcardName && !t.Collective() {
			return fmt.Errorf("%w: %s", ErrWildcard, t)
		}
		if err := add(name); err != nil {
			return err
		}
	}
	for name, version := range req.GetInitialResourceVersions() {
		if err := errors.Join(add(name), add(version)); err != nil {
			return err
		}
		count-- // a version is no name
	}
	if count > s.limits.Names || bytes > s.limits.NamesBytes {
		return fmt.Errorf("%w: %d names of %d bytes, more than %d of %d", ErrLimits, count, bytes, s.limits.Names, s.limits.NamesBytes)
	}
	return nil
}

// reported records what the client has from former streams (initial_resource_versions), and returns the versions that
// are current.
func (s *State) reported(t table.Type, versions map[string]string) []*table.Version {
	var same []*table.Version
	for name, hash := range versions {
		s.resumed = true
		s.nameBytes += len(name) + len(hash)
		r := s.at(table.Ref{Type: t, Name: name})
		h := content{hash: hash, seq: reportedSeq, status: acked}
		if r.want != nil && r.want.Hash == hash {
			h.version = r.want
			same = append(same, r.want)
		}
		s.add(r, h)
		s.mark(r)
		s.markUsable(r)
	}
	return same
}

func (s *State) subscribeAll(t table.Type) {
	s.restoreAll(t)
	s.types[t].wildcard = true
	for ref, r := range s.resources {
		if ref.Type == t {
			s.mark(r)
		}
	}
}

func (s *State) subscribe(t table.Type, name string, responseDue bool) {
	if name == wildcardName {
		s.subscribeAll(t)
		return
	}
	r := s.at(table.Ref{Type: t, Name: name})
	if !r.subscribed {
		r.subscribed = true
		s.names++
		s.nameBytes += len(name)
	} else if responseDue {
		r.markUncertain()
	}
	r.responseDue = r.responseDue || responseDue
	s.mark(r)
}

func (s *State) unsubscribe(t table.Type, name string) {
	if name == wildcardName {
		s.restoreAll(t)
		s.types[t].wildcard = false
		for ref, r := range s.resources {
			if ref.Type == t && !r.subscribed {
				s.clientDropped(r)
			}
		}
		return
	}
	r := s.find(table.Ref{Type: t, Name: name})
	if r == nil || !r.subscribed {
		return
	}
	r.subscribed = false
	s.names--
	s.nameBytes -= len(name)
	if !s.interested(r) {
		s.clientDropped(r)
	}
}

// markUncertain records that the client may have dropped the resource. It subscribed to a name that it is subscribed to:
// Envoy does not report that it unsubscribed if it subscribes again before its next request; or nothing there uses it.
func (r *resource) markUncertain() {
	for i := range r.contents {
		r.contents[i].status = uncertain
	}
}

// clientDropped records that the client dropped the resource. The client also ignores what is in flight, unless that
// arrives after it has subscribed again.
func (s *State) clientDropped(r *resource) {
	for i := len(r.contents) - 1; i >= 0; i-- {
		if s.isInFlight(r.ref.Type, r.contents[i].seq) {
			r.contents[i].status = uncertain
		} else {
			s.drop(r, i, i+1)
		}
	}
	r.responseDue = false
	s.mark(r)
}

// isInFlight reports whether the client has not answered that response.
func (s *State) isInFlight(t table.Type, seq uint64) bool {
	return slices.ContainsFunc(s.types[t].flights, func(f *flight) bool { return f.seq == seq })
}
