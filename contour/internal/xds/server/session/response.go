package session

import (
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"contour.example/contour/internal/xds/table"
)

// Response is a DeltaDiscoveryResponse, whose resources are encoded and
// shared with all other sessions. It implements proto.Message for generic code. It is
// immutable, and one goroutine at a time may use it.
type Response struct {
	Type    table.Type
	Nonce   string
	Sent    []*table.Version
	Wires   []*table.Wire // of Sent
	Removed []string      // names

	message *discoveryv3.DeltaDiscoveryResponse
}

// Bytes returns the length of the resources and names, in bytes.
func (r *Response) Bytes() int {
	n := 0
	for _, v := range r.Sent {
		n += v.Size()
	}
	for _, name := range r.Removed {
		n += len(name)
	}
	return n
}

// Message returns the response as a message, for callers that inspect it.
func (r *Response) Message() *discoveryv3.DeltaDiscoveryResponse {
	if r.message != nil {
		return r.message
	}
	m := &discoveryv3.DeltaDiscoveryResponse{TypeUrl: r.Type.URL(), Nonce: r.Nonce, RemovedResources: r.Removed}
	for _, v := range r.Sent {
		m.Resources = append(m.Resources, v.Message())
	}
	r.message = m
	return m
}

// ProtoReflect makes the response a proto.Message.
func (r *Response) ProtoReflect() protoreflect.Message { return r.Message().ProtoReflect() }
