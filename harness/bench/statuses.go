package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// followed are objects of a kind, and when one of them is valid.
type followed struct {
	kind  kind
	valid func(answered) bool
}

// statuses follows, by a watch, when the objects of one kind in the namespace
// become valid. Its methods are safe for concurrent use.
type statuses struct {
	client *client
	followed
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	became  map[string]time.Time  // when each valid object became valid
	history map[string][]sighting // of objects that are followed
	events  int
	err     error         // the watch has ended
	changed chan struct{} // closed at the next event
}

// sighting is an event of an object.
type sighting struct {
	generation int64
	valid      bool // and its status is of this generation
	at         time.Time
}

// reconnect is the pause before a watch that broke is opened again.
const reconnect = 100 * time.Millisecond

// watchStatuses returns when the watch is open; close ends it.
func watchStatuses(ctx context.Context, c *client, f followed) (*statuses, error) {
	version, err := c.version(ctx, f.kind)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.watch(ctx, f.kind, version)
	if err != nil {
		cancel()
		return nil, err
	}
	s := &statuses{
		client: c, followed: f, cancel: cancel,
		done: make(chan struct{}), became: map[string]time.Time{}, history: map[string][]sighting{}, changed: make(chan struct{}),
	}
	go s.run(ctx, stream, version)
	return s, nil
}

func (s *statuses) close() {
	s.cancel()
	<-s.done
}

// run reads the stream, and opens the next where it ended.
func (s *statuses) run(ctx context.Context, stream io.ReadCloser, version string) {
	defer close(s.done)
	for {
		err := s.read(stream, &version)
		_ = stream.Close()
		if err == nil {
			err = pause(ctx, reconnect)
		}
		if err == nil {
			stream, err = s.client.watch(ctx, s.kind, version)
		}
		if err != nil {
			s.note(func() { s.err = fmt.Errorf("watch of statuses: %w", err) })
			return
		}
	}
}

// read returns nil when the watch breaks, and the error that the server sends.
func (s *statuses) read(stream io.Reader, version *string) error {
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if decoder.Decode(&event) != nil {
			return nil
		}
		if event.Type == "ERROR" {
			return errors.New(string(event.Object))
		}
		var o answered
		if err := json.Unmarshal(event.Object, &o); err != nil {
			return fmt.Errorf("event: %w", err)
		}
		*version = o.Metadata.ResourceVersion
		s.see(event.Type, o, time.Now())
	}
}

// see records when an object became valid, and removes the record when it is no longer valid.
func (s *statuses) see(event string, o answered, now time.Time) {
	s.note(func() {
		s.events++
		valid := event != "DELETED" && s.valid(o)
		if h, ok := s.history[o.Metadata.Name]; ok {
			s.history[o.Metadata.Name] = append(h, sighting{o.Metadata.Generation, valid, now})
		}
		if !valid {
			delete(s.became, o.Metadata.Name)
			return
		}
		if _, ok := s.became[o.Metadata.Name]; !ok {
			s.became[o.Metadata.Name] = now
		}
	})
}

func (s *statuses) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

// seen is how many events there have been.
func (s *statuses) seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events
}

// follow keeps, from now on, when each generation of an object was seen.
func (s *statuses) follow(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.history[name] = []sighting{}
}

// since returns when a followed object was first seen valid with that generation or a later one; false if it was not yet.
func (s *statuses) since(name string, generation int64) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.first(name, func(o sighting) bool { return o.valid && o.generation >= generation })
}

// arrived returns when a followed object was first seen with that generation or a later one; it waits for that.
func (s *statuses) arrived(ctx context.Context, timeout time.Duration, name string, generation int64) (at time.Time, err error) {
	err = s.wait(ctx, timeout, func() (string, bool) {
		var ok bool
		at, ok = s.first(name, func(o sighting) bool { return o.generation >= generation })
		return fmt.Sprintf("generation %d of %s was not seen", generation, name), ok
	})
	return at, err
}

// first returns when a followed object was first seen as specified; the caller holds mu.
func (s *statuses) first(name string, is func(sighting) bool) (time.Time, bool) {
	if i := slices.IndexFunc(s.history[name], is); i >= 0 {
		return s.history[name][i].at, true
	}
	return time.Time{}, false
}

// when returns when the object became valid; it waits for that.
func (s *statuses) when(ctx context.Context, timeout time.Duration, name string) (at time.Time, err error) {
	err = s.wait(ctx, timeout, func() (string, bool) {
		var ok bool
		at, ok = s.became[name]
		return name + " is not valid", ok
	})
	return at, err
}

// now returns when the object became valid; false if it is not.
func (s *statuses) now(name string) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.became[name]
	return at, ok
}

// count waits until at least n objects are valid.
func (s *statuses) count(ctx context.Context, timeout time.Duration, n int) error {
	return s.wait(ctx, timeout, func() (string, bool) {
		return fmt.Sprintf("%d of %d objects are valid", len(s.became), n), len(s.became) >= n
	})
}

// wait evaluates condition at each event until it is true; condition returns what it observed, for the error.
func (s *statuses) wait(ctx context.Context, timeout time.Duration, condition func() (string, bool)) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		s.mu.Lock()
		saw, ok := condition()
		err, changed := s.err, s.changed
		s.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s after %s: %w", saw, timeout, ctx.Err())
		}
	}
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
