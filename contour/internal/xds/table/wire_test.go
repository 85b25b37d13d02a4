package table

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestWireIsTheMessage(t *testing.T) {
	large := strings.Repeat("x", 3*sharedBytes)
	for name, r := range map[string]*Resource{
		"empty": simple(Cluster, "c", ""), "small": simple(Secret, "s", "small"), "large": simple(Secret, "s", large),
		"parts": route("head", "a: one", "b: two"), "no parts": route("head"),
		"large parts": route("head", "a: "+large, "b: small", "c: "+large, "d: "+large, "e: small"),
		"large head":  route(large, "a: one", "b: "+large),
		"no header":   {Ref: Ref{Route, "rc"}, Field: 2, Parts: []Part{{Name: "a", Body: []byte("a")}}},
	} {
		t.Run(name, func(t *testing.T) {
			tab := New()
			tab.Publish([]*Resource{r}, nil)
			v := tab.Get(r.Ref)
			var got discoveryv3.DeltaDiscoveryResponse
			if err := proto.Unmarshal(slices.Concat(v.Wire().Chunks()...), &got); err != nil {
				t.Fatal(err)
			}
			want := &discoveryv3.DeltaDiscoveryResponse{Resources: []*discoveryv3.Resource{v.Message()}}
			if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
				t.Error(diff)
			}
			if size := proto.Size(v.Message()); v.Size() != size {
				t.Errorf("size %d, want %d", v.Size(), size)
			}
		})
	}
}

// A Wire does not copy large pieces, and all sessions share it.
func TestWireIsShared(t *testing.T) {
	tab := New()
	pem := simple(Secret, "s", strings.Repeat("x", 4*sharedBytes))
	tab.Publish([]*Resource{pem}, nil)
	v := tab.Get(pem.Ref)
	w := v.Wire()
	if v.Wire() != w {
		t.Error("the sessions do not share the Wire")
	}
	if !slices.ContainsFunc(w.Chunks(), func(c []byte) bool { return &c[0] == &pem.Body[0] }) {
		t.Error("the certificate was copied")
	}
	runtime.KeepAlive(w)
}

// BenchmarkWire encodes a composite for the first session, and for another one while the first references the Wire.
func BenchmarkWire(b *testing.B) {
	for _, n := range sizes {
		tab := New()
		r := bigComposite(Route, n)
		tab.Publish([]*Resource{r}, nil)
		v := tab.Get(r.Ref)
		b.Run(fmt.Sprintf("first/parts=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.encode()
			}
		})
		b.Run(fmt.Sprintf("other/parts=%d", n), func(b *testing.B) {
			w := v.Wire()
			b.ReportAllocs()
			for b.Loop() {
				v.Wire()
			}
			runtime.KeepAlive(w)
		})
	}
}
