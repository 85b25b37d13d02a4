package validate

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"

	"contour.example/contour/internal/ir"
)

func TestWeights(t *testing.T) {
	t.Parallel()
	const most = math.MaxUint32
	for _, tc := range []struct {
		weights []int64
		want    []uint32
		index   int
		problem Problem
	}{
		{nil, []uint32{}, 0, ""},
		{[]int64{0, 0}, []uint32{0, 0}, 0, ""},
		{[]int64{1, most - 1}, []uint32{1, most - 1}, 0, ""},
		{[]int64{1, -1}, nil, 1, "is not between 0 and 4294967295"},
		{[]int64{most + 1}, nil, 0, "is not between 0 and 4294967295"},
		{[]int64{1, most}, nil, -1, "add up to 4294967296, more than 4294967295"},
	} {
		got, index, p := Weights(tc.weights)
		if !slices.Equal(got, tc.want) || p != tc.problem || p != "" && index != tc.index {
			t.Errorf("Weights(%v) = %v, %d, %q, want %v, %d, %q", tc.weights, got, index, p, tc.want, tc.index, tc.problem)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint32]struct{ port, redirect, retry, direct bool }{
		0: {}, 1: {port: true}, 99: {port: true}, 100: {port: true, retry: true}, 200: {port: true, retry: true, direct: true},
		301: {true, true, true, true}, 304: {port: true, retry: true, direct: true}, 308: {true, true, true, true},
		599: {port: true, retry: true, direct: true}, 600: {port: true}, 65535: {port: true}, 65536: {},
	} {
		if Port(int32(n)) == "" != want.port || RedirectCode(n) == "" != want.redirect || RetryCode(n) == "" != want.retry || DirectCode(n) == "" != want.direct {
			t.Errorf("%d: Port %q, RedirectCode %q, RetryCode %q, DirectCode %q", n, Port(int32(n)), RedirectCode(n), RetryCode(n), DirectCode(n))
		}
	}
	if Port(-1) == "" || DirectCode(-1) == "" {
		t.Error("a negative number is accepted")
	}
}

func TestTLSVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]ir.TLSVersion{"": ir.TLSDefault, "1.2": ir.TLS12, "1.3": ir.TLS13} {
		if got, p := TLSVersion(text); got != want || p != "" {
			t.Errorf("TLSVersion(%q) = %v, %q, want %v", text, got, p, want)
		}
	}
	for _, text := range []string{"1.1", "1.0", "TLSv1_2", " 1.2"} {
		if _, p := TLSVersion(text); p == "" {
			t.Errorf("TLSVersion(%q) is accepted", text)
		}
	}
}

func TestRetryOn(t *testing.T) {
	t.Parallel()
	if RetryOn("5xx") != "" || RetryOn("cancelled") != "" {
		t.Error("a retry condition is rejected")
	}
	if RetryOn("") == "" || RetryOn("5XX") == "" {
		t.Error("an unknown retry condition is accepted")
	}
}

// FuzzWeights checks that shares are the weights, and that Envoy accepts their sum.
func FuzzWeights(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		var weights []int64
		for chunk := range slices.Chunk(data, 8) {
			weights = append(weights, int64(binary.BigEndian.Uint64(append(make([]byte, 8-len(chunk)), chunk...))))
		}
		shares, index, p := Weights(weights)
		if p != "" {
			if index >= 0 && weights[index] >= 0 && weights[index] <= math.MaxUint32 {
				t.Errorf("weight %d of %v is rejected", index, weights)
			}
			return
		}
		sum := uint64(0)
		for i, s := range shares {
			if int64(s) != weights[i] {
				t.Errorf("share %d of %v is %d", i, weights, s)
			}
			sum += uint64(s)
		}
		if sum > math.MaxUint32 {
			t.Errorf("%v add up to %d", weights, sum)
		}
	})
}
