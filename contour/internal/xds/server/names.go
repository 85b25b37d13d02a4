package server

import (
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of DeltaDiscoveryRequest that have names, and of an entry of its map.
const (
	requestSubscribe   protowire.Number = 3
	requestUnsubscribe protowire.Number = 4
	requestVersions    protowire.Number = 5
	entryKey           protowire.Number = 1
)

// withoutInvalidNames returns the encoding of a DeltaDiscoveryRequest without resource names that are not UTF-8. With
// certificates on demand an Envoy subscribes to whatever server name a client sends, bytes included; such a request is not
// valid protobuf, and the stream of the Envoy would end with it, and again whenever it reconnects. No resource has such a
// name. What cannot be parsed is returned unchanged.
func withoutInvalidNames(request []byte) []byte {
	kept := make([]byte, 0, len(request))
	for rest := request; len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		if tag < 0 {
			return request
		}
		size := protowire.ConsumeFieldValue(number, kind, rest[tag:])
		if size < 0 {
			return request
		}
		if kind != protowire.BytesType || validNames(number, rest[tag:tag+size]) {
			kept = append(kept, rest[:tag+size]...)
		}
		rest = rest[tag+size:]
	}
	return kept
}

// validNames reports whether the name in a field of a request, if it has one, is UTF-8.
func validNames(number protowire.Number, field []byte) bool {
	value, _ := protowire.ConsumeBytes(field)
	if number == requestVersions {
		return validKey(value)
	}
	return number != requestSubscribe && number != requestUnsubscribe || utf8.Valid(value)
}

// validKey reports whether the key of an entry of a map is UTF-8, if it can be parsed.
func validKey(entry []byte) bool {
	for len(entry) > 0 {
		number, kind, tag := protowire.ConsumeTag(entry)
		if tag < 0 {
			return true
		}
		size := protowire.ConsumeFieldValue(number, kind, entry[tag:])
		if size < 0 {
			return true
		}
		if number == entryKey && kind == protowire.BytesType {
			if key, _ := protowire.ConsumeBytes(entry[tag:]); !utf8.Valid(key) {
				return false
			}
		}
		entry = entry[tag+size:]
	}
	return true
}
