package server

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func full() *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{
		Node: &corev3.Node{Id: "envoy"}, TypeUrl: "type", ResourceNamesSubscribe: []string{"a", "b"}, ResourceNamesUnsubscribe: []string{"c"},
		InitialResourceVersions: map[string]string{"a": "1", "": ""}, ResponseNonce: "7", ErrorDetail: &rpcstatus.Status{Code: 13, Message: "bad"},
	}
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRequestsAreDecodedAsTheyAre(t *testing.T) {
	t.Parallel()
	got := &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: "former"}
	if err := decodeRequest(encoded(t, full()), got); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(full(), got, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

// Of a long error detail the beginning is kept, and the rest of the request as it is.
func TestLongErrorDetailsAreCutOnArrival(t *testing.T) {
	// It counts allocations, so that nothing runs beside it.
	want := full()
	want.ErrorDetail.Message = strings.Repeat("é", 14<<20)
	got := &discoveryv3.DeltaDiscoveryRequest{}
	text := encoded(t, want)
	allocated := allocations(func() {
		if err := decodeRequest(text, got); err != nil {
			t.Fatal(err)
		}
	})
	if n := len(got.GetErrorDetail().GetMessage()); n < maxDetailBytes-4 || n > maxDetailBytes {
		t.Errorf("%d bytes are left", n)
	}
	if allocated > 1<<20 {
		t.Errorf("%d bytes are allocated for a request of %d", allocated, len(text))
	}
	got.ErrorDetail, want.ErrorDetail = nil, nil
	if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

// allocations returns the bytes that f allocates.
func allocations(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A request that would take a multiple of its bytes is not decoded.
func TestHostileRequestsAreNotDecoded(t *testing.T) {
	// It counts allocations, so that nothing runs beside it.
	manyNames := []byte(strings.Repeat(string(protowire.AppendString(protowire.AppendTag(nil, 3, protowire.BytesType), "")), 16<<20))
	var versions []byte
	for i := range 2_000_000 {
		entry := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), fmt.Sprint(i))
		versions = protowire.AppendBytes(protowire.AppendTag(versions, 5, protowire.BytesType), entry)
	}
	var nodes []byte
	for range 100 {
		nodes = append(nodes, encoded(t, &discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Cluster: strings.Repeat("x", 1_000)}})...)
	}
	for name, text := range map[string][]byte{
		"32 MiB of empty names": manyNames,
		"versions":              versions,
		"a large node":          encoded(t, &discoveryv3.DeltaDiscoveryRequest{Node: &corev3.Node{Cluster: strings.Repeat("x", 1<<20)}}),
		"many nodes":            nodes,
		"a long type":           encoded(t, &discoveryv3.DeltaDiscoveryRequest{TypeUrl: strings.Repeat("x", 1<<20)}),
		"a long nonce":          encoded(t, &discoveryv3.DeltaDiscoveryRequest{ResponseNonce: strings.Repeat("x", 1<<20)}),
		"an error that is none": protowire.AppendVarint(protowire.AppendTag(nil, 7, protowire.VarintType), 5)[:1],
	} {
		var err error
		allocated := allocations(func() { err = decodeRequest(text, &discoveryv3.DeltaDiscoveryRequest{}) })
		if err == nil || strings.HasPrefix(name, "3") && !errors.Is(err, errRequest) {
			t.Errorf("%s: %v", name, err)
		}
		if allocated > 1<<20 {
			t.Errorf("%s: %d bytes are allocated before the request is rejected", name, allocated)
		}
	}
}

// Whatever the bytes are: what decodes here decodes with protobuf, to the same but for a long error detail.
func FuzzDecodeRequest(f *testing.F) {
	f.Add(encoded(f, full()))
	f.Add([]byte{0x3a, 0x02, 0x12, 0x00})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, want := &discoveryv3.DeltaDiscoveryRequest{}, &discoveryv3.DeltaDiscoveryRequest{}
		err, plain := decodeRequest(b, got), proto.Unmarshal(b, want)
		if err == nil && plain != nil || err != nil && plain == nil && !errors.Is(err, errRequest) {
			t.Fatalf("%v, protobuf: %v", err, plain)
		}
		if err == nil && len(b) < maxDetailBytes && !proto.Equal(got, want) {
			t.Errorf("%v, protobuf: %v", got, want)
		}
	})
}
