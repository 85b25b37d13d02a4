package server

import (
	"google.golang.org/grpc/encoding"
	protocodec "google.golang.org/grpc/encoding/proto" // registers the codec that this one replaces
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/xds/server/session"
)

// Field numbers of DeltaDiscoveryResponse, but for the resources.
const (
	responseTypeURL protowire.Number = 4
	responseNonce   protowire.Number = 5
	responseRemoved protowire.Number = 6
)

// codec encodes responses from the bytes that all sessions share, without a copy until they are
// framed for the wire. Protobuf's codec encodes everything else.
type codec struct{ encoding.CodecV2 }

func newCodec() codec { return codec{encoding.GetCodecV2(protocodec.Name)} }

// Marshal encodes the message.
func (c codec) Marshal(message any) (mem.BufferSlice, error) {
	if r, ok := message.(*session.Response); ok {
		return buffers(r), nil
	}
	return c.CodecV2.Marshal(message)
}

func buffers(r *session.Response) mem.BufferSlice {
	chunks := 1
	for _, w := range r.Wires {
		chunks += len(w.Chunks())
	}
	out := append(make(mem.BufferSlice, 0, chunks), mem.SliceBuffer(head(r)))
	for _, w := range r.Wires {
		for _, chunk := range w.Chunks() {
			out = append(out, mem.SliceBuffer(chunk))
		}
	}
	return out
}

// head encodes the response without its resources.
func head(r *session.Response) []byte {
	b := protowire.AppendTag(nil, responseTypeURL, protowire.BytesType)
	b = protowire.AppendString(b, r.Type.URL())
	b = protowire.AppendTag(b, responseNonce, protowire.BytesType)
	b = protowire.AppendString(b, r.Nonce)
	for _, name := range r.Removed {
		b = protowire.AppendTag(b, responseRemoved, protowire.BytesType)
		b = protowire.AppendString(b, name)
	}
	return b
}
