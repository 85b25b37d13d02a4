package server

import (
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// response has a certificate long enough not to be copied.
func response(t *testing.T) (r *session.Response, pem []byte) {
	t.Helper()
	pem = []byte(strings.Repeat("certificate ", 1000))
	tab := table.New()
	tab.Publish([]*table.Resource{
		{Ref: table.Ref{Type: table.Secret, Name: "a"}, Body: pem},
		{Ref: table.Ref{Type: table.Secret, Name: "b"}, Body: []byte("b")},
	}, nil)
	r = &session.Response{Type: table.Secret, Nonce: "7", Removed: []string{"c", "d"}}
	for _, v := range tab.All() {
		r.Sent, r.Wires = append(r.Sent, v), append(r.Wires, v.Wire())
	}
	return r, pem
}

func TestCodecSendsWhatTheMessageSays(t *testing.T) {
	full, _ := response(t)
	for name, r := range map[string]*session.Response{"full": full, "empty": {Type: table.Cluster, Nonce: "1"}} {
		bytes, err := newCodec().Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var got discoveryv3.DeltaDiscoveryResponse
		if err := newCodec().Unmarshal(bytes, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r.Message(), &got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		other, err := proto.Marshal(r)
		if err != nil || len(other) != bytes.Len() {
			t.Errorf("%s: a server without the codec sends %d bytes, with it %d (%v)", name, len(other), bytes.Len(), err)
		}
	}
}

func TestCodecCopiesNoLargeBytes(t *testing.T) {
	r, pem := response(t)
	bytes, err := newCodec().Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	shared := func(b mem.Buffer) bool { return b.Len() > 0 && &b.ReadOnlyData()[0] == &pem[0] }
	for _, b := range bytes {
		if shared(b) {
			return
		}
	}
	t.Error("the certificate was copied")
}

func TestCodecLeavesTheRestToProtobuf(t *testing.T) {
	want := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: "t", ResponseNonce: "1"}
	bytes, err := newCodec().Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got discoveryv3.DeltaDiscoveryRequest
	if err := newCodec().Unmarshal(bytes, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if newCodec().Name() != "proto" {
		t.Error("clients would not agree to another name")
	}
}
