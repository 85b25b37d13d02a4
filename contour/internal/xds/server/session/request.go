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
	ErrType   = errors.New("resource type is not served")
	ErrLimits = errors.New("too many or too long resource names")
)

const wildcardName = "*"

// Verdict is what a request says about versions, for the table.
type Verdict struct {
	Type     table.Type
	Acked    bool             // the request acknowledges a response
	Words    string           // non-empty: the request refuses a response, in Envoy's words
	Accepted []*table.Version // the client has these
	Rejected *table.Version   // the client refuses exactly this one; nil while that is not clear
}

// Request takes note of a request. An error is one of the Err values, wrapped, and ends the stream.
func (s *State) Request(req *discoveryv3.DeltaDiscoveryRequest, now time.Time) (Verdict, error) {
	t, ok := table.TypeOf(req.GetTypeUrl())
	if !ok {
		return Verdict{}, fmt.Errorf("%w: %q", ErrType, req.GetTypeUrl())
	}
	if err := s.check(req); err != nil {
		return Verdict{}, err
	}
	flight := s.landed(t, req.GetResponseNonce())
	verdict := s.answered(t, flight, req, now)
	verdict.Type = t
	stream := &s.types[t]
	if !stream.seen {
		stream.seen = true
		verdict.Accepted = append(verdict.Accepted, s.reported(t, req.GetInitialResourceVersions())...)
		if len(req.GetResourceNamesSubscribe()) == 0 && t.Collective() {
			s.subscribeAll(t)
		}
		stream.greet = len(req.GetInitialResourceVersions()) == 0
		s.markLeaving()
		s.markPostponed()
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

func (s *State) check(req *discoveryv3.DeltaDiscoveryRequest) error {
	names := s.names + len(req.GetResourceNamesSubscribe()) + len(req.GetInitialResourceVersions())
	if names > s.limits.Names {
		return fmt.Errorf("%w: more than %d names", ErrLimits, s.limits.Names)
	}
	tooLong := func(name string) bool { return len(name) > s.limits.NameBytes }
	for _, name := range req.GetResourceNamesSubscribe() {
		if tooLong(name) {
			return fmt.Errorf("%w: a name of %d bytes", ErrLimits, len(name))
		}
	}
	for name, version := range req.GetInitialResourceVersions() {
		if tooLong(name) || tooLong(version) {
			return fmt.Errorf("%w: a name of %d bytes", ErrLimits, len(name))
		}
	}
	return nil
}

// reported takes note of what the client has from former streams, and lists what of it is
// what it should have.
func (s *State) reported(t table.Type, versions map[string]string) []*table.Version {
	var same []*table.Version
	for name, hash := range versions {
		s.resumed = true
		r := s.at(table.Ref{Type: t, Name: name})
		h := hold{hash: hash, seq: reportedSeq, status: acked}
		if r.want != nil && r.want.Hash == hash {
			h.version = r.want
			same = append(same, r.want)
		}
		s.add(r, h)
		s.mark(r)
		s.opened(r)
	}
	return same
}

func (s *State) subscribeAll(t table.Type) {
	s.unsettleAll(t)
	s.types[t].wildcard = true
	for ref, r := range s.resources {
		if ref.Type == t {
			s.mark(r)
		}
	}
}

func (s *State) subscribe(t table.Type, name string, owed bool) {
	if name == wildcardName {
		s.subscribeAll(t)
		return
	}
	r := s.at(table.Ref{Type: t, Name: name})
	if !r.subscribed {
		r.subscribed = true
		s.names++
	} else if owed {
		r.doubt()
	}
	r.owed = r.owed || owed
	s.mark(r)
}

func (s *State) unsubscribe(t table.Type, name string) {
	if name == wildcardName {
		s.unsettleAll(t)
		s.types[t].wildcard = false
		for ref, r := range s.resources {
			if ref.Type == t && !r.subscribed {
				s.lost(r)
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
	if !s.interested(r) {
		s.lost(r)
	}
}

// doubt takes note that the client may have dropped the resource: it subscribed to what it is subscribed to, and Envoy
// does not say that it gave a name up if it wants that again before its next request; or it has no use for it.
func (r *resource) doubt() {
	for i := range r.holds {
		r.holds[i].status = doubtful
	}
}

// lost takes note that the client dropped the resource. It also ignores what is on its way,
// unless that arrives after it has subscribed again.
func (s *State) lost(r *resource) {
	for i := len(r.holds) - 1; i >= 0; i-- {
		if s.onItsWay(r.ref.Type, r.holds[i].seq) {
			r.holds[i].status = doubtful
		} else {
			s.drop(r, i, i+1)
		}
	}
	r.owed = false
	s.mark(r)
}

// onItsWay reports whether the client has not answered that response.
func (s *State) onItsWay(t table.Type, seq uint64) bool {
	return slices.ContainsFunc(s.types[t].flights, func(f *flight) bool { return f.seq == seq })
}
