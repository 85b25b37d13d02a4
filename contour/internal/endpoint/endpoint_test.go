package endpoint

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"contour.example/contour/internal/ir"

	"contour.example/contour/internal/randomtest"
)

func ptr[T any](v T) *T { return &v }

// conditions of the kinds that are distinguished.
var (
	unstated    = discoveryv1.EndpointConditions{}
	isReady     = discoveryv1.EndpointConditions{Ready: ptr(true)}
	notReady    = discoveryv1.EndpointConditions{Ready: ptr(false)}
	finishing   = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(true)}
	terminated  = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(false), Terminating: ptr(true)}
	starting    = discoveryv1.EndpointConditions{Ready: ptr(false), Serving: ptr(true), Terminating: ptr(false)}
	alwaysReady = discoveryv1.EndpointConditions{Ready: ptr(true), Serving: ptr(true), Terminating: ptr(true)} // publishNotReadyAddresses
)

func at(c discoveryv1.EndpointConditions, addresses ...string) discoveryv1.Endpoint {
	return discoveryv1.Endpoint{Addresses: addresses, Conditions: c}
}

func port(name *string, number *int32, protocol *corev1.Protocol) discoveryv1.EndpointPort {
	return discoveryv1.EndpointPort{Name: name, Port: number, Protocol: protocol}
}

func slice(p []discoveryv1.EndpointPort, e ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
	return &discoveryv1.EndpointSlice{Ports: p, Endpoints: e}
}

func onPort(name string, number int32) []discoveryv1.EndpointPort {
	return []discoveryv1.EndpointPort{port(&name, &number, nil)}
}

// sockets is the message as text, in its order.
func sockets(cla *endpointv3.ClusterLoadAssignment) []string {
	var out []string
	for _, l := range cla.GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			s := e.GetEndpoint().GetAddress().GetSocketAddress()
			out = append(out, fmt.Sprintf("%s %d", s.GetAddress(), s.GetPortValue()))
		}
	}
	return out
}

func TestWhichEndpointsTakePart(t *testing.T) {
	tcp, udp := corev1.ProtocolTCP, corev1.ProtocolUDP
	for _, c := range []struct {
		name string
		port string
		in   []*discoveryv1.EndpointSlice
		want []string
	}{
		{name: "no condition is set"},
		{
			name: "readiness that is not stated counts as ready", port: "http",
			in:   []*discoveryv1.EndpointSlice{slice(onPort("http", 80), at(unstated, "10.0.0.1"), at(isReady, "10.0.0.2"), at(notReady, "10.0.0.3"))},
			want: []string{"10.0.0.1 80", "10.0.0.2 80"},
		},
		{
			name: "those that finish their work are not used while one is ready", port: "http",
			in:   []*discoveryv1.EndpointSlice{slice(onPort("http", 80), at(finishing, "10.0.0.1"), at(isReady, "10.0.0.2"))},
			want: []string{"10.0.0.2 80"},
		},
		{
			name: "those that finish their work are used when none is ready", port: "http",
			in:   []*discoveryv1.EndpointSlice{slice(onPort("http", 80), at(finishing, "10.0.0.1"), at(terminated, "10.0.0.2"), at(starting, "10.0.0.3"))},
			want: []string{"10.0.0.1 80"},
		},
		{
			name: "a terminating endpoint that is declared ready is ready", port: "",
			in:   []*discoveryv1.EndpointSlice{slice([]discoveryv1.EndpointPort{port(nil, ptr(int32(80)), nil)}, at(alwaysReady, "10.0.0.1"))},
			want: []string{"10.0.0.1 80"},
		},
		{
			name: "ports are found by name, TCP only", port: "web",
			in: []*discoveryv1.EndpointSlice{slice([]discoveryv1.EndpointPort{
				port(ptr("web"), ptr(int32(8080)), &tcp), port(ptr("web"), ptr(int32(8081)), &udp),
				port(ptr("admin"), ptr(int32(9000)), &tcp), port(ptr("web"), nil, &tcp),
			}, at(isReady, "10.0.0.1"))},
			want: []string{"10.0.0.1 8080"},
		},
		{
			name: "slices may number the port differently", port: "web",
			in: []*discoveryv1.EndpointSlice{
				slice(onPort("web", 8080), at(isReady, "10.0.0.2")), slice(onPort("web", 8081), at(isReady, "10.0.0.1")), nil,
			},
			want: []string{"10.0.0.1 8081", "10.0.0.2 8080"},
		},
		{
			name: "each address once, readiness in one slice is enough", port: "web",
			in: []*discoveryv1.EndpointSlice{
				slice(onPort("web", 80), at(isReady, "10.0.0.10"), at(isReady, "10.0.0.9")),
				slice(onPort("web", 80), at(isReady, "10.0.0.10"), at(notReady, "10.0.0.9"), at(isReady, "10.0.0.9")),
			},
			want: []string{"10.0.0.9 80", "10.0.0.10 80"},
		},
		{
			name: "IPv4 and IPv6", port: "web",
			in:   []*discoveryv1.EndpointSlice{slice(onPort("web", 80), at(isReady, "fd00::2"), at(isReady, "10.0.0.1"))},
			want: []string{"10.0.0.1 80", "fd00::2 80"},
		},
		{
			name: "only the first address of an endpoint is used", port: "web",
			in: []*discoveryv1.EndpointSlice{slice(
				onPort("web", 80), at(isReady, "10.0.0.1", "10.0.0.2"), at(isReady, "0.0.0.0", "10.0.0.3"), at(isReady),
			)},
			want: []string{"10.0.0.1 80"},
		},
		{
			name: "of two ports with one name the first is used", port: "web",
			in: []*discoveryv1.EndpointSlice{slice(
				slices.Concat(onPort("web", 80), onPort("web", 81)), at(isReady, "10.0.0.1"),
			)},
			want: []string{"10.0.0.1 80"},
		},
		{
			name: "what is no address of a host is left out", port: "web",
			in: []*discoveryv1.EndpointSlice{slice(
				onPort("web", 80), at(isReady, "example.com"), at(isReady, ""), at(isReady, "10.0.0.300"), at(isReady, "fe80::1%eth0"),
				at(isReady, "0.0.0.0"), at(isReady, "224.0.0.1"), at(isReady, "10.0.0.1"),
			)},
			want: []string{"10.0.0.1 80"},
		},
		{
			name: "ports out of range are left out", port: "web",
			in: []*discoveryv1.EndpointSlice{
				slice(onPort("web", 0), at(isReady, "10.0.0.1")), slice(onPort("web", 65536), at(isReady, "10.0.0.2")),
				slice(onPort("web", 65535), at(isReady, "10.0.0.3")),
			},
			want: []string{"10.0.0.3 65535"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Assignment("ns/s/p", Port{Name: c.port, Slices: c.in})
			if diff := cmp.Diff(c.want, sockets(got)); diff != "" {
				t.Errorf("endpoints (-want +got):\n%s", diff)
			}
			if err := got.ValidateAll(); err != nil || got.GetClusterName() != "ns/s/p" {
				t.Errorf("name %q, valid: %v", got.GetClusterName(), err)
			}
			if len(got.GetEndpoints()) > 1 {
				t.Errorf("%d localities, want one: a second one would change the shares", len(got.GetEndpoints()))
			}
		})
	}
}

// Only what is the address of another machine is used, in no disguise, and not what the operator denies.
func TestAddressesThatAreNoBackend(t *testing.T) {
	denied := []netip.Prefix{netip.MustParsePrefix("10.96.0.0/12"), netip.MustParsePrefix("fd00:1::/32")}
	for address, want := range map[string]struct{ serve, directory bool }{
		"10.0.0.1":              {true, true},
		"8.8.8.8":               {true, true},
		"fd00::1":               {true, true},
		"2001:db8::1":           {true, true},
		"127.0.0.1":             {false, true},
		"127.255.255.254":       {false, true},
		"::1":                   {false, true},
		"0.0.0.0":               {},
		"0.1.2.3":               {},
		"::":                    {},
		"169.254.169.254":       {},
		"fe80::1":               {},
		"fe80::1%eth0":          {},
		"224.0.0.1":             {},
		"239.255.255.255":       {},
		"ff02::1":               {},
		"255.255.255.255":       {},
		"::ffff:10.0.0.1":       {},
		"::ffff:127.0.0.1":      {},
		"::ffff:a9fe:a9fe":      {},
		"::127.0.0.1":           {},
		"::a9fe:a9fe":           {},
		"0:0:0:0:0:ffff:7f00:1": {},
		"10.96.0.1":             {},
		"10.111.255.255":        {},
		"10.112.0.0":            {true, true},
		"fd00:1::1":             {},
		"64:ff9b::8.8.8.8":      {true, true}, // NAT64: that is what a network of IPv6 alone resolves a name to
		"64:ff9b::127.0.0.1":    {},
		"64:ff9b::a9fe:a9fe":    {},
		"64:ff9b::10.96.0.1":    {},
		"64:ff9b::":             {},
		"2002:0808:0808::1":     {true, true}, // 6to4
		"2002:a9fe:a9fe::1":     {},
		"2002:7f00:1::1":        {},
		"2002:0a60:1::":         {},
		"127.1":                 {},
		"0x7f.0.0.1":            {},
		"017700000001":          {},
	} {
		in := []*discoveryv1.EndpointSlice{slice(onPort("web", 80), at(isReady, address))}
		for loopback, want := range map[bool]bool{false: want.serve, true: want.directory} {
			got := sockets(Assignment("n", Port{Name: "web", Slices: in, Settings: ir.EndpointSettings{Loopback: loopback, Denied: denied}}))
			if used := len(got) > 0; used != want {
				t.Errorf("%s, loopback permitted: %t: used: %t, want %t", address, loopback, used, want)
			}
		}
	}
}

func TestOrderAndSlicingDoNotMatter(t *testing.T) {
	seed := randomtest.Seed(t)
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []discoveryv1.Endpoint
	for i := range 50 {
		all = append(all, at([]discoveryv1.EndpointConditions{isReady, notReady, finishing}[i%3], fmt.Sprintf("10.0.%d.%d", i%7, i)))
	}
	want := Assignment("n", Port{Name: "web", Slices: []*discoveryv1.EndpointSlice{slice(onPort("web", 80), all...)}})
	for range 100 {
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		cut := rng.IntN(len(all))
		in := []*discoveryv1.EndpointSlice{slice(onPort("web", 80), all[:cut]...), slice(onPort("web", 80), all[cut:]...)}
		before := slices.Clone(all)
		if diff := cmp.Diff(want, Assignment("n", Port{Name: "web", Slices: in}), protocmp.Transform()); diff != "" {
			t.Fatalf("another order, another message (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(before, all); diff != "" {
			t.Fatalf("the input was modified:\n%s", diff)
		}
	}
}

// crowd is n endpoints in slices of 1,000.
func crowd(n int) (slices []*discoveryv1.EndpointSlice) {
	for s := range n / 1000 {
		var endpoints []discoveryv1.Endpoint
		for i := range 1000 {
			endpoints = append(endpoints, at(discoveryv1.EndpointConditions{}, fmt.Sprintf("10.%d.%d.%d", s, i/250, i%250)))
		}
		slices = append(slices, slice(onPort("http", 8080), endpoints...))
	}
	return slices
}

// The number of allocations does not depend on the number of endpoints: one of the slices can change at any time.
func TestAllocationsOfManyEndpoints(t *testing.T) {
	of := Port{Name: "http", Slices: crowd(10_000)}
	if n := len(sockets(Assignment("c", of))); n != 10_000 {
		t.Fatalf("%d endpoints", n)
	}
	const most = 200 // for any number; those of a loop would be more than 10,000
	if got := testing.AllocsPerRun(5, func() { Encoded("c", of) }); got > most {
		t.Errorf("%v allocations, more than %d", got, most)
	}
}

// The encoding is that of the message.
func TestEncoded(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		of := Port{Name: "http", Checked: []string{"", "http", "health"}[round%3], Slices: randomSlices(rnd)}
		want := Assignment("ns/name/http", of)
		var got endpointv3.ClusterLoadAssignment
		if err := proto.Unmarshal(Encoded("ns/name/http", of), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, &got, protocmp.Transform()); diff != "" {
			t.Fatalf("round %d (-message +encoding):\n%s", round, diff)
		}
		if err := want.ValidateAll(); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
	}
}

// randomSlices is EndpointSlices with addresses of both families, some of them twice, and ports for requests and health checks.
func randomSlices(rnd *rand.Rand) []*discoveryv1.EndpointSlice {
	var out []*discoveryv1.EndpointSlice
	for range rnd.IntN(4) {
		s := &discoveryv1.EndpointSlice{}
		for _, name := range []string{"http", "health"}[:1+rnd.IntN(2)] {
			s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: &name, Port: ptr(1 + rnd.Int32N(1<<(1+rnd.IntN(16))-1))})
		}
		for range rnd.IntN(6) {
			address := fmt.Sprintf("10.0.%d.%d", rnd.IntN(256), rnd.IntN(4))
			if rnd.IntN(2) == 0 {
				address = fmt.Sprintf("fd00:%x::%x", rnd.IntN(1<<16), rnd.IntN(4))
			}
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{address}})
		}
		out = append(out, s)
	}
	return out
}

func BenchmarkEncoded(b *testing.B) {
	of := Port{Name: "http", Slices: crowd(10_000)}
	b.Run("directly", func(b *testing.B) {
		for b.Loop() {
			Encoded("c", of)
		}
	})
	b.Run("message", func(b *testing.B) {
		for b.Loop() {
			m := Assignment("c", of)
			_, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
			if err = errors.Join(err, m.ValidateAll()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
