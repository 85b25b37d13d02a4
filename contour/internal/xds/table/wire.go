package table

import (
	"weak"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"
)

// Field numbers of envoy.service.discovery.v3 and google.protobuf.Any.
const (
	responseResources protowire.Number = 2 // of DeltaDiscoveryResponse
	resourceVersion   protowire.Number = 1
	resourceResource  protowire.Number = 2
	resourceName      protowire.Number = 3
	anyTypeURL        protowire.Number = 1
	anyValue          protowire.Number = 2
)

// Wire is a version as one element of a DeltaDiscoveryResponse's resources: tag, length and
// message, in chunks. All responses that carry the version share it; it is immutable.
type Wire struct{ chunks [][]byte }

// Chunks returns the bytes, in order.
func (w *Wire) Chunks() [][]byte { return w.chunks }

// sharedBytes is the length from which on a piece is a chunk of its own, and not copied.
const sharedBytes = 1 << 10

// Wire returns the encoded version. The first call encodes it; later calls share it while it is referenced: a session
// references it until its client has answered. The table itself keeps only the pieces.
func (v *Version) Wire() *Wire {
	v.wiring.Lock()
	defer v.wiring.Unlock()
	if w := v.wire.Value(); w != nil {
		return w
	}
	w := v.encode()
	v.wire = weak.Make(w)
	return w
}

func (v *Version) encode() *Wire {
	w := &Wire{}
	run := v.appendHead(make([]byte, 0, v.headSize()+v.copied()))
	start := 0
	for i, p := range v.pieces {
		if i > 0 {
			run = protowire.AppendTag(run, v.field, protowire.BytesType)
			run = protowire.AppendVarint(run, uint64(len(p.Content)))
		}
		if len(p.Content) < sharedBytes {
			run = append(run, p.Content...)
			continue
		}
		w.chunks = append(w.chunks, run[start:], p.Content)
		start = len(run)
	}
	if start < len(run) {
		w.chunks = append(w.chunks, run[start:])
	}
	return w
}

// copied returns the number of bytes of the body that are copied into its Wire.
func (v *Version) copied() int {
	n := int(v.size)
	for _, p := range v.pieces {
		if len(p.Content) >= sharedBytes {
			n -= len(p.Content)
		}
	}
	return n
}

// appendHead appends all bytes before the body.
func (v *Version) appendHead(b []byte) []byte {
	b = protowire.AppendTag(b, responseResources, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(v.Size()))
	b = protowire.AppendTag(b, resourceName, protowire.BytesType)
	b = protowire.AppendString(b, v.Ref.Name)
	b = protowire.AppendTag(b, resourceVersion, protowire.BytesType)
	b = protowire.AppendString(b, v.Hash)
	b = protowire.AppendTag(b, resourceResource, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(v.anySize()))
	b = protowire.AppendTag(b, anyTypeURL, protowire.BytesType)
	b = protowire.AppendString(b, v.Ref.Type.URL())
	if v.size == 0 {
		return b
	}
	b = protowire.AppendTag(b, anyValue, protowire.BytesType)
	return protowire.AppendVarint(b, uint64(v.size))
}

func (v *Version) headSize() int {
	return protowire.SizeTag(responseResources) + protowire.SizeBytes(v.Size()) - int(v.size)
}

// Size is the length in bytes of the encoded discoveryv3.Resource.
func (v *Version) Size() int {
	return protowire.SizeTag(resourceName) + protowire.SizeBytes(len(v.Ref.Name)) +
		protowire.SizeTag(resourceVersion) + protowire.SizeBytes(len(v.Hash)) +
		protowire.SizeTag(resourceResource) + protowire.SizeBytes(v.anySize())
}

func (v *Version) anySize() int {
	size := protowire.SizeTag(anyTypeURL) + protowire.SizeBytes(len(v.Ref.Type.URL()))
	if v.size > 0 {
		size += protowire.SizeTag(anyValue) + protowire.SizeBytes(int(v.size))
	}
	return size
}

// Message returns a new message of the resource, as in a response; its body is encoded and
// may be shared. Responses do not use it: see Wire.
func (v *Version) Message() *discoveryv3.Resource {
	return &discoveryv3.Resource{
		Name: v.Ref.Name, Version: v.Hash,
		Resource: &anypb.Any{TypeUrl: v.Ref.Type.URL(), Value: v.Body()},
	}
}

// Body returns the encoded message, a new slice if it has parts; callers must not change it.
func (v *Version) Body() []byte {
	if len(v.pieces) == 1 {
		return v.pieces[0].Content
	}
	body := append(make([]byte, 0, int(v.size)), v.pieces[0].Content...)
	for _, p := range v.pieces[1:] {
		body = protowire.AppendTag(body, v.field, protowire.BytesType)
		body = protowire.AppendBytes(body, p.Content)
	}
	return body
}
