package bench

import (
	"bytes"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"contour.example/harness/load"
	"contour.example/harness/pki"
)

func TestChooseAttacks(t *testing.T) {
	t.Parallel()
	all, err := chooseAttacks(nil)
	if err != nil || len(all) != len(Attacks()) {
		t.Errorf("%d attacks, %v", len(all), err)
	}
	names := Attacks()
	slices.Sort(names)
	if len(slices.Compact(names)) != len(all) {
		t.Errorf("names occur twice: %v", names)
	}
	some, err := chooseAttacks([]string{"flips", "rsa"})
	if err != nil || len(some) != 2 {
		t.Errorf("%d attacks, %v", len(some), err)
	}
	if _, err := chooseAttacks([]string{"none"}); err == nil || !strings.Contains(err.Error(), "flips") {
		t.Errorf("error %v, want the names that there are", err)
	}
}

// What a phase exceeds is named, and nothing else.
func TestExceeded(t *testing.T) {
	t.Parallel()
	calm := func() phase {
		return phase{
			edits:  schedule{due: 2, served: []time.Duration{time.Millisecond, editBound}, handled: []time.Duration{time.Millisecond, editBound}},
			loads:  []load.Report{{Sent: 5, OK: 5}},
			memory: memory{peak: map[sampled]float64{controllerOwn: 30, envoyAllocated: 20}},
		}
	}
	quiet := calm()
	if got := calm().exceeded(quiet); got != nil {
		t.Errorf("of the same: %v", got)
	}
	for want, change := range map[string]func(*phase){
		"edit p99 51ms > 50ms":                      func(p *phase) { p.edits.served[1] += time.Millisecond },
		"edit p99 after a watch had it 51ms > 50ms": func(p *phase) { p.edits.handled[1] += time.Millisecond },
		"1 edits missed (why)":                      func(p *phase) { p.edits.missed, p.edits.err = 1, errors.New("why") },
		"1 requests failed (reset: 1)":              func(p *phase) { p.loads[0].OK, p.loads[0].Failures = 4, map[string]int{"reset": 1} },
		"no edit was served":                        func(p *phase) { p.edits.served = nil },
		"no request was sent":                       func(p *phase) { p.loads[0].Sent, p.loads[0].OK = 0, 0 },
		"3 requests not sent":                       func(p *phase) { p.loads[0].NotSent = 3 },
		"controller +513 MiB > 512 MiB":             func(p *phase) { p.memory.peak[controllerOwn] += controllerBound + 1 },
		"Envoy +513 MiB > 512 MiB":                  func(p *phase) { p.memory.peak[envoyAllocated] += envoyBound + 1 },
	} {
		p := calm()
		change(&p)
		if got := p.exceeded(quiet); len(got) != 1 || got[0] != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// The keys have the sizes that they are about.
func TestLargeKey(t *testing.T) {
	t.Parallel()
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	for _, bits := range []int{16_384, 786_432, 786_430} {
		pair, err := largeKey(ca, "a.example", bits)
		if err != nil {
			t.Fatal(err)
		}
		var key rsaKey
		block, _ := pem.Decode(pair.Key)
		if _, err := asn1.Unmarshal(block.Bytes, &key); err != nil || key.N.BitLen() != bits {
			t.Errorf("a key of %d bits, want %d; %v", key.N.BitLen(), bits, err)
		}
		if len(pair.Key) > 1<<20 {
			t.Errorf("%d bytes, more than a Secret may have", len(pair.Key))
		}
	}
}

func TestRestless(t *testing.T) {
	t.Parallel()
	text := restless(longHeader, 1)
	if len(text) != longHeader || strings.Trim(text, "ab") != "" || text == restless(longHeader, 2) {
		t.Errorf("%.50s", text)
	}
	seen := map[string]bool{}
	for i := range len(text) - 16 {
		seen[text[i:i+16]] = true
	}
	if len(seen) < longHeader/2 {
		t.Errorf("only %d different parts of 16 bytes", len(seen))
	}
}

func TestClosedConfiguration(t *testing.T) {
	t.Parallel()
	text, err := closedConfiguration()
	if err != nil || !bytes.Contains([]byte(text), []byte("\nbudgets:")) || !strings.Contains(text, "host-ownership: namespace") {
		t.Errorf("%q, %v", text, err)
	}
}

// Who waits long asks rarely.
func TestSparse(t *testing.T) {
	t.Parallel()
	for elapsed, want := range map[time.Duration]time.Duration{0: interval, time.Millisecond: interval, time.Second: 50 * time.Millisecond} {
		if got := sparse(elapsed); got != want {
			t.Errorf("after %s: %s, want %s", elapsed, got, want)
		}
	}
}

func TestLate(t *testing.T) {
	t.Parallel()
	s := schedule{served: []time.Duration{1, 2, 3}}
	if got := s.late(2); got != 1 {
		t.Errorf("%d are late, want 1", got)
	}
}
