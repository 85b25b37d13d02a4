package server

import (
	"fmt"
	"iter"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"contour.example/contour/internal/xds/table"
)

// describeStep is the number of resources that a description reads at a time; the stream waits no longer than for that.
const describeStep = 512

// describe summarizes the session.
func (s *stream) describe() Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Session{
		Peer: s.peer(), Version: versionOf(s.node), Since: s.since, Seq: s.seq, Behind: s.behind, Snapshot: s.state.Snapshot(),
	}
}

func (s *stream) peer() Peer { return Peer{ID: s.id, Node: s.node.GetId(), Fleet: s.fleet} }

// versionOf returns the version of an Envoy, as in 1.40.0.
func versionOf(node *corev3.Node) string {
	v := node.GetUserAgentBuildVersion().GetVersion()
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", v.GetMajorNumber(), v.GetMinorNumber(), v.GetPatch())
}

// ackedResource is a resource that an Envoy has.
type ackedResource struct {
	ref  table.Ref
	hash string
}

// eachAcked iterates over the resources that the Envoy has. The lock is held for describeStep of them at a time.
func (s *stream) eachAcked(yield func(table.Ref, string) bool) {
	next, stop := iter.Pull2(s.state.EachAcked)
	defer stop()
	part := make([]ackedResource, 0, describeStep)
	for {
		if part = s.ackedPart(next, part[:0]); len(part) == 0 {
			return
		}
		for _, a := range part {
			if !yield(a.ref, a.hash) {
				return
			}
		}
	}
}

// ackedPart appends the next resources to part, which is empty after the last one.
func (s *stream) ackedPart(next func() (table.Ref, string, bool), part []ackedResource) []ackedResource {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range cap(part) {
		ref, hash, ok := next()
		if !ok {
			break
		}
		part = append(part, ackedResource{ref, hash})
	}
	return part
}
