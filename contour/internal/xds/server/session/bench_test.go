package session_test

import (
	"runtime"
	"testing"
	"time"

	"contour.example/contour/internal/xds/server/fleettest"
	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

// edited publishes a change of the resource, and gives it and the one back as a session sees them.
func edited(f *fleettest.Fleet, ref table.Ref, needs ...table.Ref) [2][]table.Change {
	before := f.Table.Get(ref)
	f.Table.Publish([]*table.Resource{f.Changed(ref, "changed", needs...)}, nil)
	after := f.Table.Get(ref)
	f.Table.Publish([]*table.Resource{f.Original(ref)}, nil)
	return [2][]table.Change{{{Ref: ref, Version: after}}, {{Ref: ref, Version: before}}}
}

func beginning() time.Time { return time.Unix(1000, 0) }

// connected is the state of a client that has everything: a new one, or one that comes back with all of it.
func connected(tb testing.TB, f *fleettest.Fleet, changes []table.Change, back bool) *session.State {
	tb.Helper()
	s := session.New(session.Limits{})
	s.Apply(changes)
	versions := map[table.Type]map[string]string{}
	for _, c := range changes {
		if back && versions[c.Ref.Type] == nil {
			versions[c.Ref.Type] = map[string]string{}
		}
		if back {
			versions[c.Ref.Type][c.Ref.Name] = c.Version.Hash
		}
	}
	for _, t := range table.Types() {
		r := &request{TypeUrl: t.URL(), InitialResourceVersions: versions[t]}
		if !t.Collective() {
			r.ResourceNamesSubscribe = f.Names[t]
		}
		if len(f.Names[t]) == 0 {
			continue
		}
		if _, err := s.Request(r, beginning()); err != nil {
			tb.Fatal(err)
		}
	}
	watch := f.Table.Watch("envoy")
	defer watch.Close()
	if n := answerAll(tb, s, watch, beginning()); back && n > 0 {
		tb.Fatalf("%d responses to a client that has everything", n)
	}
	return s
}

// answerAll acknowledges until there is nothing to send; it counts the responses.
func answerAll(tb testing.TB, s *session.State, watch *table.Watch, now time.Time) int {
	tb.Helper()
	n := 0
	for r := s.Next(now); r != nil; r = s.Next(now) {
		n++
		verdict, err := s.Request(&request{TypeUrl: r.Type.URL(), ResponseNonce: r.Nonce}, now)
		if err != nil {
			tb.Fatal(err)
		}
		if watch != nil {
			watch.Accept(verdict.Accepted)
		}
	}
	return n
}

func fleetsOf(n int) map[string]*fleettest.Fleet {
	return map[string]*fleettest.Fleet{"HTTP": fleettest.HTTP(n), "TLS": fleettest.TLS(n)}
}

// BenchmarkChange is a change in the table of 25,000 hosts until the client has acknowledged it.
func BenchmarkChange(b *testing.B) {
	now := beginning()
	for name, f := range fleetsOf(25_000) {
		changes := f.Changes()
		cases := map[string][2][]table.Change{
			"endpoints": edited(f, fleettest.Endpoints(70)), "cluster": edited(f, fleettest.Cluster(70)),
		}
		if name == "HTTP" {
			cases["route"], cases["route, another need"] = edited(f, fleettest.Shard(70)), edited(f, fleettest.Shard(70), fleettest.Cluster(20))
		} else {
			cases["route"], cases["secret"] = edited(f, fleettest.Route(70)), edited(f, fleettest.Secret(70))
			cases["listener"] = edited(f, fleettest.TLSListener())
			cases["listener, another need"] = edited(f, fleettest.TLSListener(), fleettest.Route(20))
		}
		s := connected(b, f, changes, false)
		for what, edit := range cases {
			b.Run(name+"/"+what, func(b *testing.B) {
				change := func(changes []table.Change) int {
					now = now.Add(time.Hour) // no response waits for its turn
					s.Expire(now)
					s.Apply(changes)
					return answerAll(b, s, nil, now)
				}
				change(edit[1])
				i := 0
				b.ReportAllocs()
				for b.Loop() {
					if change(edit[i%2]) == 0 {
						b.Fatal("nothing was sent")
					}
					i++
				}
			})
		}
	}
}

// BenchmarkConnect is a client of 25,000 hosts, a new one and one that comes back, until it has everything.
func BenchmarkConnect(b *testing.B) {
	for name, f := range fleetsOf(25_000) {
		changes := f.Changes()
		for how, back := range map[string]bool{"new": false, "back": true} {
			b.Run(name+"/"+how, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					connected(b, f, changes, back)
				}
			})
		}
	}
}

// BenchmarkMemory is what the session of an Envoy with 10,000 hosts keeps at rest, without what all sessions share.
func BenchmarkMemory(b *testing.B) {
	for name, f := range fleetsOf(10_000) {
		for how, back := range map[string]bool{"new": false, "back": true} {
			b.Run(name+"/"+how, func(b *testing.B) {
				for b.Loop() {
					size := restingBytes(b, f, back)
					b.ReportMetric(float64(size)/1024, "KiB/session")
					b.ReportMetric(float64(size)/float64(len(f.Resources)), "B/resource")
				}
			})
		}
	}
}

// restingBytes is the memory of one session at rest.
func restingBytes(tb testing.TB, f *fleettest.Fleet, back bool) int64 {
	tb.Helper()
	const count = 8
	changes := f.Changes()
	all := []*session.State{connected(tb, f, changes, back)}
	before := liveHeap()
	for range count {
		all = append(all, connected(tb, f, changes, back))
	}
	size := (liveHeap() - before) / count
	runtime.KeepAlive(all)
	runtime.KeepAlive(f)
	runtime.KeepAlive(changes)
	return size
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// At rest a session remembers little more than a version for each resource, however the client came.
func TestRestingSessionIsSmall(t *testing.T) {
	f := fleettest.HTTP(10_000)
	for how, back := range map[string]bool{"new": false, "back": true} {
		if size := restingBytes(t, f, back); size > 512<<10 {
			t.Errorf("%s: %d KiB, want at most 512", how, size>>10)
		}
	}
}
