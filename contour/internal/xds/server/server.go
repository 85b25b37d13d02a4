// Package server is the xDS server: delta ADS over gRPC, one session per Envoy stream.
//
// Its input is the tables of the fleets and the requests of Envoys; its output is responses, and the
// accepted and rejected versions for the tables. Package session decides what is sent when; this package has the
// gRPC stream, its goroutines and the clock. A client that does not read blocks only its own stream.
//
// The services of single types are for observers, such as contour cli: they see the effective resources, without secrets.
//
// It must not interpret resources, nor change a table except by the answers of Envoys, through the Watch of each.
package server

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// Options is what a Server needs. Fleet is required.
type Options struct {
	// Fleet returns the table of a fleet, nil if there is no such fleet now.
	Fleet func(ir.Fleet) *table.Table
	Log   *slog.Logger // nil: no logs
	Hooks Hooks

	Limits    session.Limits
	Clients   ClientLimits
	Observers ObserverLimits
	NodeBytes int           // maximum of an Envoy's node description; 0: 64 KiB
	FirstWait time.Duration // for the first request of a stream; 0: 30 s
}

// Hooks are functions that the server calls at events, for metrics; any of them may be nil. Many
// goroutines call them; they must not wait.
type Hooks struct {
	Connected    func(Peer)
	Disconnected func(Peer)
	// Synced: the Envoy has all that was published to its fleet up to a sequence number.
	Synced  func(p Peer, seq uint64)
	Sent    func(t table.Type, resources, removed, bytes int)
	Acked   func(t table.Type)
	Nacked  func(t table.Type)
	Overdue func(session.Overdue) // resources are sent without what they need
	Refused func(reason string)   // a client exceeds a limit: connections, streams, observers or requests
}

// Peer is a connected Envoy. Its node id is what it says, and not unique.
type Peer struct {
	ID    uint64 // of the stream
	Node  string
	Fleet ir.Fleet
}

// Server implements the aggregated discovery service.
type Server struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	options   Options
	stop      func()
	stopped   chan struct{}
	streams   addressCounts
	observers addressCounts

	mu       sync.Mutex
	sessions map[*stream]struct{}
	streamID uint64 // of the last stream
}

// New is a server for these fleets.
func New(options Options) *Server {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.NodeBytes == 0 {
		options.NodeBytes = maxNodeBytes
	}
	if options.FirstWait == 0 {
		options.FirstWait = 30 * time.Second
	}
	options.Clients = options.Clients.withDefaults()
	options.Observers = options.Observers.withDefaults()
	stopped := make(chan struct{})
	return &Server{
		options: options, stopped: stopped, sessions: map[*stream]struct{}{},
		stop: sync.OnceFunc(func() { close(stopped) }),
	}
}

// Register adds the service of Envoys, and those of observers, to a gRPC server.
func (s *Server) Register(to grpc.ServiceRegistrar) {
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(to, s)
	for _, t := range table.Types() {
		to.RegisterService(s.observed(t), nil)
	}
}

// Stop ends all streams and rejects new ones, so that a gRPC server can stop gracefully;
// Envoys keep what they have and connect to another replica.
func (s *Server) Stop() { s.stop() }

// StreamAggregatedResources rejects the state-of-the-world variant.
func (s *Server) StreamAggregatedResources(discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	return status.Error(codes.Unimplemented, "only delta xDS is served: set api_type DELTA_GRPC in the bootstrap's ads_config")
}

// DeltaAggregatedResources serves one Envoy until it disconnects, its fleet is removed or the server stops.
func (s *Server) DeltaAggregatedResources(rpc discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	leave, err := s.enter(rpc.Context())
	if err != nil {
		return err
	}
	defer leave()
	requests, failed := receive(rpc)
	first, err := s.first(rpc.Context(), requests, failed)
	if err != nil {
		return ignoreEOF(err)
	}
	f, t, err := s.admit(rpc.Context(), first.GetNode())
	if err != nil {
		s.options.Log.Warn("rejected an Envoy", "node", first.GetNode().GetId(), "fleet", f, "error", err)
		return err
	}
	stream := newStream(s, f, t, first.GetNode(), hostOf(rpc.Context()))
	defer stream.watch.Close()
	s.join(stream)
	defer s.leave(stream)
	return ignoreEOF(stream.run(rpc, first, requests, failed))
}

// first returns the first request, which contains the node description.
func (s *Server) first(ctx context.Context, requests <-chan *discoveryv3.DeltaDiscoveryRequest, failed <-chan error) (*discoveryv3.DeltaDiscoveryRequest, error) {
	select {
	case request := <-requests:
		return request, nil
	case err := <-failed:
		return nil, err
	case <-s.stopped:
		return nil, errStopped()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(s.options.FirstWait):
		s.refused("requests")
		return nil, status.Error(codes.DeadlineExceeded, "the stream has no first request")
	}
}

func (s *Server) join(stream *stream) {
	s.mu.Lock()
	s.sessions[stream] = struct{}{}
	s.streamID++
	stream.id = s.streamID
	s.mu.Unlock()
	s.options.Log.Info("Envoy connected", "node", stream.node.GetId(), "fleet", stream.fleet)
	if f := s.options.Hooks.Connected; f != nil {
		f(stream.peer())
	}
}

func (s *Server) leave(stream *stream) {
	s.mu.Lock()
	delete(s.sessions, stream)
	s.mu.Unlock()
	s.options.Log.Info("Envoy disconnected", "node", stream.node.GetId(), "fleet", stream.fleet)
	if f := s.options.Hooks.Disconnected; f != nil {
		f(stream.peer())
	}
}

// Session describes one connected Envoy.
type Session struct {
	Peer
	Version string // of Envoy, as it says; "" if it does not
	Since   time.Time
	Seq     uint64    // of the last publish in the session; if the session is also idle, Envoy has all of it
	Behind  time.Time // since when the Envoy does not have all of the session; zero: it has
	session.Snapshot
}

// Sessions describes the connected Envoys, sorted by node and time.
func (s *Server) Sessions() []Session {
	s.mu.Lock()
	streams := make([]*stream, 0, len(s.sessions))
	for stream := range s.sessions {
		streams = append(streams, stream)
	}
	s.mu.Unlock()
	out := make([]Session, 0, len(streams))
	for _, stream := range streams {
		out = append(out, stream.describe())
	}
	slices.SortFunc(out, func(a, b Session) int {
		if c := strings.Compare(a.Node, b.Node); c != 0 {
			return c
		}
		return a.Since.Compare(b.Since)
	})
	return out
}

// Acked iterates over the resources that the Envoy with that node name has, with the hash of the version of each, in no
// particular order; false if none is connected. The longest connected counts.
func (s *Server) Acked(node string) (iter.Seq2[table.Ref, string], bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found *stream
	for stream := range s.sessions {
		if stream.node.GetId() == node && (found == nil || stream.since.Before(found.since)) {
			found = stream
		}
	}
	if found == nil {
		return nil, false
	}
	return found.eachAcked, true
}

func errStopped() error { return status.Error(codes.Unavailable, "the server is stopping") }

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
