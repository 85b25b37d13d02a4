package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/quarantine"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

type rpcStream = discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer

// stream runs one session: one goroutine handles events, one receives
// and one sends. The lock is held for single steps of the state, never while sending.
type stream struct {
	id    uint64
	fleet ir.Fleet
	table *table.Table
	watch *table.Watch
	node  *corev3.Node
	since time.Time
	log   *slog.Logger
	hooks Hooks
	stop  <-chan struct{}

	unusable []table.Ref      // resources that Envoy could not use for a reason outside of them
	retry    <-chan time.Time // when to send them again; nil: there are none

	mu    sync.Mutex
	state *session.State
	seq   uint64
	// behind is since when the Envoy does not have all of the session, zero if it has; synced is the last seq of which it had all.
	behind time.Time
	synced uint64
}

func newStream(s *Server, f ir.Fleet, t *table.Table, node *corev3.Node, address string) *stream {
	return &stream{
		fleet: f, table: t, watch: t.WatchFrom(node.GetId(), address), node: node, since: time.Now(),
		log: s.options.Log.With("node", node.GetId(), "fleet", f), hooks: s.options.Hooks, stop: s.stopped,
		state: session.New(s.options.Limits), behind: time.Now(),
	}
}

// receive reads requests, each after the one before was received from the channel. It ends with the stream.
func receive(rpc rpcStream) (<-chan *discoveryv3.DeltaDiscoveryRequest, <-chan error) {
	requests, failed := make(chan *discoveryv3.DeltaDiscoveryRequest), make(chan error, 1)
	go func() {
		for {
			request, err := rpc.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case requests <- request:
			case <-rpc.Context().Done():
				return
			}
		}
	}()
	return requests, failed
}

// transmit sends the responses of out, and the result of each to done. It ends with the stream.
func transmit(rpc rpcStream, out <-chan *session.Response, done chan<- error) {
	for {
		select {
		case response := <-out:
			done <- rpc.SendMsg(response)
		case <-rpc.Context().Done():
			return
		}
	}
}

// run serves until the stream ends. There is at most one response between the state and the
// wire; the next one is made after that one is sent, from the state at that time.
func (s *stream) run(rpc rpcStream, first *discoveryv3.DeltaDiscoveryRequest, requests <-chan *discoveryv3.DeltaDiscoveryRequest, failed <-chan error) error {
	out, done := make(chan *session.Response, 1), make(chan error, 1)
	go transmit(rpc, out, done)
	alarm := time.NewTimer(0)
	defer alarm.Stop()
	s.catchUp()
	err := s.request(first)
	for sending := false; err == nil; {
		s.catchUp()
		if !sending {
			sending = s.next(out)
		}
		s.followSync()
		s.setAlarm(alarm)
		select {
		case request := <-requests:
			err = s.request(request)
		case <-s.watch.C():
			s.apply()
		case err = <-done:
			sending = false
		case <-alarm.C:
			s.expire()
		case <-s.retry:
			s.retryUnusable()
		case err = <-failed:
		case <-s.table.Closed():
			err = errNoFleet(s.fleet)
		case <-s.stop:
			err = errStopped()
		case <-rpc.Context().Done():
			err = context.Cause(rpc.Context())
		}
	}
	return err
}

// catchUp applies the changes that the watch has, so that a response contains them.
func (s *stream) catchUp() {
	select {
	case <-s.watch.C():
		s.apply()
	default:
	}
}

func (s *stream) apply() {
	changes, seq := s.watch.Take()
	s.mu.Lock()
	had := s.state.Apply(changes)
	s.seq = seq
	s.mu.Unlock()
	s.watch.Accept(had)
}

// followSync records when the Envoy falls behind, and when it has all of the session.
func (s *stream) followSync() {
	s.mu.Lock()
	seq, reached := s.seq, false
	switch inSync := s.state.InSync(); {
	case inSync:
		reached = !s.behind.IsZero() || s.synced != seq
		s.behind, s.synced = time.Time{}, seq
	case s.behind.IsZero():
		s.behind = time.Now()
	}
	s.mu.Unlock()
	if reached && s.hooks.Synced != nil {
		s.hooks.Synced(s.peer(), seq)
	}
}

func (s *stream) request(request *discoveryv3.DeltaDiscoveryRequest) error {
	s.mu.Lock()
	verdict, err := s.state.Request(request, time.Now())
	s.mu.Unlock()
	if err != nil {
		s.log.Warn("ended a stream because of an invalid request", "error", err)
		if s.hooks.Refused != nil {
			s.hooks.Refused("requests")
		}
		return status.Error(codeOf(err), err.Error())
	}
	s.watch.Accept(verdict.Accepted)
	if verdict.Acked && s.hooks.Acked != nil {
		s.hooks.Acked(verdict.Type)
	}
	if verdict.ErrorDetail != "" {
		s.rejected(verdict)
	}
	return nil
}

func (s *stream) rejected(verdict session.Verdict) {
	name, detail := "", quarantine.Excerpt(verdict.ErrorDetail)
	switch {
	case verdict.Rejected == nil:
	case table.BindFailed(verdict.Rejected, verdict.ErrorDetail):
		name = verdict.Rejected.Ref.Name
		s.watch.SetUnusable(verdict.Rejected, detail)
		s.unusable = append(s.unusable, verdict.Rejected.Ref)
		s.retry = time.After(retryPeriod)
	default:
		name = verdict.Rejected.Ref.Name
		s.watch.Reject(verdict.Rejected, verdict.ErrorDetail, verdict.Has)
	}
	s.log.Warn("Envoy rejected a response", "type", verdict.Type.String(), "resource", name, "error", detail)
	if s.hooks.Nacked != nil {
		s.hooks.Nacked(verdict.Type)
	}
}

// retryPeriod is the time after which resources that Envoy could not use are sent again.
const retryPeriod = 10 * time.Second

func (s *stream) retryUnusable() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, ref := range s.unusable {
		s.state.Retry(ref)
	}
	s.unusable, s.retry = nil, nil
}

// next passes the next response to the sending goroutine; it returns false if there is none.
func (s *stream) next(out chan<- *session.Response) bool {
	s.mu.Lock()
	response := s.state.Next(time.Now())
	s.mu.Unlock()
	if response == nil {
		return false
	}
	if s.hooks.Sent != nil {
		s.hooks.Sent(response.Type, len(response.Sent), len(response.Removed), response.Bytes())
	}
	out <- response
	return true
}

func (s *stream) setAlarm(alarm *time.Timer) {
	s.mu.Lock()
	deadline, ok := s.state.Deadline()
	s.mu.Unlock()
	if !ok {
		alarm.Stop()
		return
	}
	alarm.Reset(time.Until(deadline))
}

func (s *stream) expire() {
	s.mu.Lock()
	overdue := s.state.Expire(time.Now())
	s.mu.Unlock()
	for _, o := range overdue {
		log := s.log.With("type", o.Need.Type.String(), "resource", o.Need.Name, "waiting", o.Waiting)
		if !o.Sent {
			log.Warn("a resource is not acknowledged in time; resources that need it wait until it is")
			continue
		}
		log.Warn("a resource is not acknowledged in time; resources that need it are sent without it")
		if s.hooks.Overdue != nil {
			s.hooks.Overdue(o)
		}
	}
}

func codeOf(err error) codes.Code {
	if errors.Is(err, session.ErrLimits) {
		return codes.ResourceExhausted
	}
	return codes.InvalidArgument
}
