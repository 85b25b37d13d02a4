package server

import (
	"context"
	"net/netip"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"contour.example/contour/internal/xds/table"
)

// An observer is a client of the discovery service of one type, such as contour cli. It has no session and no Watch: what
// it answers changes nothing, and it is no Envoy that is connected. An Envoy of this controller uses the aggregated
// service, so that the service, which a client cannot choose by mistake, decides which of the two it is.

// ObserverLimits bounds what observers may have and cost. Zero values mean the defaults.
type ObserverLimits struct {
	// Streams is the number of observers at a time: of other machines, at most half of them of one address, and as many more
	// of loopback, so that those who can log in to this machine are not locked out; 4.
	Streams  int
	Names    int           // of resources that one asks for; 1,000
	Bytes    int           // of all resources in one response, where the variant has all of them in one; 16 MiB
	Interval time.Duration // at least, between two responses; 1 s. An observer also rests for nine times the time of a response.
}

func (l ObserverLimits) withDefaults() ObserverLimits {
	if l.Streams == 0 {
		l.Streams = 4
	}
	if l.Names == 0 {
		l.Names = 1000
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.Interval == 0 {
		l.Interval = time.Second
	}
	return l
}

// most returns the number of observers with which there is none more from an address; the zero Addr is loopback.
func (l ObserverLimits) most(a netip.Addr) int {
	if a.IsValid() {
		return l.Streams
	}
	return 2 * l.Streams
}

// restFactor is the number of times of the duration of a response for which an observer rests: all observers together take
// at most 2*Streams/(1+restFactor) of a processor.
const restFactor = 9

// maxObserverRequest is the maximum size of a request of an observer, in bytes.
const maxObserverRequest = maxNodeBytes

// envoyAgent is the name that Envoy has in its node description.
const envoyAgent = "envoy"

// observed is the discovery service of one type, in both variants.
func (s *Server) observed(t table.Type) *grpc.ServiceDesc {
	service, word := t.Service()
	method := func(name string, variant func() protocol) grpc.StreamDesc {
		serve := func(_ any, rpc grpc.ServerStream) error { return ignoreEOF(s.observe(t, rpc, variant())) }
		return grpc.StreamDesc{StreamName: name + word, Handler: serve, ServerStreams: true, ClientStreams: true}
	}
	return &grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Streams: []grpc.StreamDesc{
		method("Stream", func() protocol { return &worldProtocol{} }),
		method("Delta", func() protocol { return &deltaProtocol{} }),
	}}
}

// observe serves one observer until it disconnects, its fleet is removed or the server stops.
func (s *Server) observe(t table.Type, rpc grpc.ServerStream, p protocol) error {
	leave, err := s.enter(rpc.Context())
	if err != nil {
		return err
	}
	defer leave()
	a := addressOf(rpc.Context())
	if !s.observers.add(a, (s.options.Observers.Streams+1)/2, s.options.Observers.most(a)) {
		s.refused("observers")
		return status.Error(codes.ResourceExhausted, "there are too many observers")
	}
	defer s.observers.remove(a)
	requests, failed := receiveQueries(rpc, p)
	first, err := s.firstQuery(rpc.Context(), requests, failed)
	if err != nil {
		return err
	}
	if first.node.GetUserAgentName() == envoyAgent {
		s.options.Log.Warn("rejected an Envoy", "node", first.node.GetId(), "error", "its bootstrap is not one of this controller")
		return status.Error(codes.Unimplemented, "an Envoy is served by the aggregated service: write its bootstrap with contour bootstrap of this controller")
	}
	f, of, err := s.admit(rpc.Context(), first.node)
	if err != nil {
		return err
	}
	s.options.Log.Info("observer connected", "node", first.node.GetId(), "fleet", f, "type", t.String())
	defer s.options.Log.Info("observer disconnected", "node", first.node.GetId(), "fleet", f, "type", t.String())
	o := newObservation(t, f, of, s.options.Observers)
	return s.runObserver(rpc, o, p, first, requests, failed)
}

// firstQuery returns the first query, which contains the node description.
func (s *Server) firstQuery(ctx context.Context, requests <-chan query, failed <-chan error) (query, error) {
	select {
	case q := <-requests:
		return q, nil
	case err := <-failed:
		return query{}, err
	case <-s.stopped:
		return query{}, errStopped()
	case <-ctx.Done():
		return query{}, ctx.Err()
	case <-time.After(s.options.FirstWait):
		s.refused("requests")
		return query{}, status.Error(codes.DeadlineExceeded, "the stream has no first request")
	}
}

// runObserver sends what changes, with a rest after each look at the table, whatever the observer sends.
func (s *Server) runObserver(rpc grpc.ServerStream, o *observation, p protocol, first query, requests <-chan query, failed <-chan error) error {
	look := time.NewTimer(0)
	defer look.Stop()
	err := o.ask(first)
	for err == nil {
		select {
		case q := <-requests:
			err = o.ask(q)
		case <-look.C:
			begun := time.Now()
			err = o.look(rpc, p)
			look.Reset(max(o.limits.Interval, restFactor*time.Since(begun)))
		case err = <-failed:
		case <-o.table.Closed():
			err = errNoFleet(o.fleet)
		case <-s.stopped:
			err = errStopped()
		case <-rpc.Context().Done():
			err = context.Cause(rpc.Context())
		}
	}
	return err
}

// receiveQueries reads requests, each after the one before was received from the channel. It ends with the stream.
func receiveQueries(rpc grpc.ServerStream, p protocol) (<-chan query, <-chan error) {
	requests, failed := make(chan query), make(chan error, 1)
	go func() {
		for {
			q, err := p.receive(rpc)
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- q:
			case <-rpc.Context().Done():
				return
			}
		}
	}()
	return requests, failed
}

// query is a request of an observer.
type query struct {
	node      *corev3.Node
	subscribe []string
	cancel    []string
	replace   bool // subscribe is all that the observer asks for
}
