package server

import (
	"errors"
	"fmt"
	"strings"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/xds/server/session"
)

// Field numbers of DeltaDiscoveryRequest, and of google.rpc.Status.
const (
	requestNode        protowire.Number = 1
	requestTypeURL     protowire.Number = 2
	requestNonce       protowire.Number = 6
	requestErrorDetail protowire.Number = 7
	statusMessage      protowire.Number = 2
)

// The bounds of a request. What is decoded takes a multiple of the bytes of many short names, or of a deep node
// description, so that these are counted before.
const (
	maxRequestFields = 1_100_000              // each name and each version is one
	maxNodeBytes     = 64 << 10               // of the node description
	maxTokenBytes    = 1 << 10                // of the type URL and the nonce
	maxDetailBytes   = session.MaxErrorDetail // of the error detail that is decoded
)

var errRequest = errors.New("the request is not valid")

// Unmarshal decodes a message; a request within its bounds, and without names that are not UTF-8.
func (c codec) Unmarshal(data mem.BufferSlice, message any) error {
	if _, ok := message.(*discoveryv3.DiscoveryRequest); ok && data.Len() > maxObserverRequest {
		return fmt.Errorf("%w: it has %d bytes, more than %d", errRequest, data.Len(), maxObserverRequest)
	}
	request, ok := message.(*discoveryv3.DeltaDiscoveryRequest)
	if !ok {
		return c.CodecV2.Unmarshal(data, message)
	}
	b := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer b.Free()
	if decodeRequest(b.ReadOnlyData(), request) == nil {
		return nil
	}
	return decodeRequest(withoutInvalidNames(b.ReadOnlyData()), request)
}

// decodeRequest decodes a request, with an error detail of at most maxDetailBytes. An error is errRequest, or that of
// protobuf.
func decodeRequest(b []byte, into *discoveryv3.DeltaDiscoveryRequest) error {
	proto.Reset(into)
	merge := proto.UnmarshalOptions{Merge: true}
	from, fields, node := 0, 0, 0 // b[from:at] is not decoded yet
	for at := 0; at < len(b); fields++ {
		number, kind, tag := protowire.ConsumeTag(b[at:])
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, b[at+tag:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		if number == requestNode {
			node += size
		}
		if err := checkField(number, size, node, fields); err != nil {
			return err
		}
		if number == requestErrorDetail && size > maxDetailBytes {
			if err := merge.Unmarshal(b[from:at], into); err != nil {
				return err
			}
			detail, err := cutDetail(kind, b[at+tag:at+tag+size])
			if err != nil {
				return err
			}
			into.ErrorDetail = detail
			from = at + tag + size
		}
		at += tag + size
	}
	return merge.Unmarshal(b[from:], into)
}

// checkField checks a field of a request that takes size bytes after its tag and has fields before it.
func checkField(number protowire.Number, size, node, fields int) error {
	switch {
	case fields >= maxRequestFields:
		return fmt.Errorf("%w: more than %d names", errRequest, maxRequestFields)
	case node > maxNodeBytes:
		return fmt.Errorf("%w: a node description of more than %d bytes", errRequest, maxNodeBytes)
	case (number == requestTypeURL || number == requestNonce) && size > maxTokenBytes:
		return fmt.Errorf("%w: a type or nonce of %d bytes", errRequest, size)
	}
	return nil
}

// cutDetail returns the status in the bytes of a field, with the beginning of its message alone.
func cutDetail(kind protowire.Type, field []byte) (*rpcstatus.Status, error) {
	b, n := protowire.ConsumeBytes(field)
	if kind != protowire.BytesType || n < 0 {
		return nil, fmt.Errorf("%w: an error detail that is no message", errRequest)
	}
	detail := &rpcstatus.Status{}
	for len(b) > 0 {
		number, kind, tag := protowire.ConsumeTag(b)
		if tag < 0 {
			return nil, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, b[tag:])
		if size < 0 {
			return nil, protowire.ParseError(size)
		}
		if number == statusMessage && kind == protowire.BytesType {
			text, _ := protowire.ConsumeBytes(b[tag:])
			detail.Message = strings.ToValidUTF8(string(text[:min(len(text), maxDetailBytes)]), "")
		}
		b = b[tag+size:]
	}
	return detail, nil
}
