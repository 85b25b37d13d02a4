package endpoint

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Numbers of the fields of the messages in envoy/config/endpoint/v3 and envoy/config/core/v3.
const (
	assignmentName, assignmentLocality = 1, 2
	localityEndpoint                   = 2
	lbEndpointEndpoint                 = 1
	endpointAddress, endpointChecked   = 1, 2
	checkedPort                        = 1
	addressSocket                      = 1
	socketAddress, socketPort          = 2, 3
)

// Encoded is the encoding of Assignment. It is written directly: a set of 10,000 endpoints that one pod changes is encoded as often as
// pods change, and messages would take five times as long (BenchmarkEncoded). The message is valid: an address is never empty, and a
// port at most 65535.
func Encoded(name string, of Port) []byte {
	used := of.used().distinct()
	texts, size := textsOf(used), 0
	for i := range used {
		n, _ := used[i].sizes(len(texts[i]))
		size += protowire.SizeTag(localityEndpoint) + protowire.SizeBytes(n)
	}
	body := make([]byte, 0, size+len(name)+16)
	if name != "" {
		body = protowire.AppendTag(body, assignmentName, protowire.BytesType)
		body = protowire.AppendString(body, name)
	}
	if len(used) == 0 {
		return body
	}
	body = appendLength(body, assignmentLocality, size)
	for i := range used {
		body = used[i].append(body, texts[i])
	}
	return body
}

// appendLength appends the start of a message of that size.
func appendLength(b []byte, field protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.BytesType), uint64(size))
}

// sizes returns the sizes of the LbEndpoint of s, whose address has a text of that length, and of the messages in it, from the
// outside to the inside.
func (s socket) sizes(text int) (lbEndpoint int, inner struct{ endpoint, address, socket, checked int }) {
	message := func(field protowire.Number, size int) int {
		return protowire.SizeTag(field) + protowire.SizeBytes(size)
	}
	inner.socket = message(socketAddress, text) + protowire.SizeTag(socketPort) + protowire.SizeVarint(uint64(s.Port()))
	inner.address = message(addressSocket, inner.socket)
	inner.endpoint = message(endpointAddress, inner.address)
	if s.checked != 0 {
		inner.checked = protowire.SizeTag(checkedPort) + protowire.SizeVarint(uint64(s.checked))
		inner.endpoint += message(endpointChecked, inner.checked)
	}
	return message(lbEndpointEndpoint, inner.endpoint), inner
}

// append appends the LbEndpoint of s as an element of a locality.
func (s socket) append(b []byte, text string) []byte {
	lbEndpoint, inner := s.sizes(len(text))
	b = appendLength(b, localityEndpoint, lbEndpoint)
	b = appendLength(b, lbEndpointEndpoint, inner.endpoint)
	b = appendLength(b, endpointAddress, inner.address)
	b = appendLength(b, addressSocket, inner.socket)
	b = protowire.AppendTag(b, socketAddress, protowire.BytesType)
	b = protowire.AppendString(b, text)
	b = protowire.AppendTag(b, socketPort, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(s.Port()))
	if s.checked != 0 {
		b = appendLength(b, endpointChecked, inner.checked)
		b = protowire.AppendTag(b, checkedPort, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(s.checked))
	}
	return b
}
