package server

import (
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

// encodedNames is a request with these names as they are on the wire, valid or not, between other fields.
func encodedNames(t testing.TB, subscribe, unsubscribe, versions []string) []byte {
	t.Helper()
	b, err := proto.Marshal(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: "type", ResourceNamesSubscribe: []string{"first"}})
	if err != nil {
		t.Fatal(err)
	}
	for number, names := range map[protowire.Number][]string{requestSubscribe: subscribe, requestUnsubscribe: unsubscribe} {
		for _, n := range names {
			b = protowire.AppendString(protowire.AppendTag(b, number, protowire.BytesType), n)
		}
	}
	for _, n := range versions {
		entry := protowire.AppendString(protowire.AppendTag(nil, entryKey, protowire.BytesType), n)
		entry = protowire.AppendString(protowire.AppendTag(entry, 2, protowire.BytesType), "hash")
		b = protowire.AppendBytes(protowire.AppendTag(b, requestVersions, protowire.BytesType), entry)
	}
	return protowire.AppendString(protowire.AppendTag(b, 6, protowire.BytesType), "nonce")
}

// A client of an Envoy chooses names of which it can make any bytes: they end no stream.
func TestNamesThatAreNotUTF8AreLeftOut(t *testing.T) {
	t.Parallel()
	text := encodedNames(t, []string{"\xff\xfe", "a.example.com", "é\x80"}, []string{"\xff", "b"}, []string{"\xc3", "c"})
	want := &discoveryv3.DeltaDiscoveryRequest{
		TypeUrl: "type", ResponseNonce: "nonce", ResourceNamesSubscribe: []string{"first", "a.example.com"},
		ResourceNamesUnsubscribe: []string{"b"}, InitialResourceVersions: map[string]string{"c": "hash"},
	}
	got := &discoveryv3.DeltaDiscoveryRequest{}
	if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(text)}, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	for name, malformed := range map[string][]byte{
		"cut": text[:len(text)-1], "no protobuf": {0xff}, "a type that is not UTF-8": {0x12, 1, 0xff},
	} {
		if err := newCodec().Unmarshal(mem.BufferSlice{mem.SliceBuffer(malformed)}, got); err == nil {
			t.Errorf("%s: decoded", name)
		}
	}
}

// FuzzRequestNames checks that nothing that can be decoded loses anything, and that what is left out makes the rest valid.
func FuzzRequestNames(f *testing.F) {
	f.Add(encodedNames(f, []string{"\xff"}, nil, []string{"\xff"}))
	f.Add([]byte{0x2a, 0x03, 0x0a, 0x01, 0xff})
	f.Fuzz(func(t *testing.T, text []byte) {
		plain, left := &discoveryv3.DeltaDiscoveryRequest{}, &discoveryv3.DeltaDiscoveryRequest{}
		if proto.Unmarshal(text, plain) != nil {
			_ = proto.Unmarshal(withoutInvalidNames(text), left)
			return
		}
		if err := proto.Unmarshal(withoutInvalidNames(text), left); err != nil || !proto.Equal(plain, left) {
			t.Errorf("%x: %v, %v", text, err, cmp.Diff(plain, left, protocmp.Transform()))
		}
	})
}
