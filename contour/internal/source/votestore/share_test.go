package votestore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/table"
	"contour.example/contour/internal/xds/translate"
)

// configMap is a ConfigMap in memory, with watches.
type configMap struct {
	mu      sync.Mutex
	data    map[string]string
	err     error // of each request
	patches int
	changed chan struct{} // closed with each change
}

func newConfigMap() *configMap {
	return &configMap{data: map[string]string{}, changed: make(chan struct{})}
}

func (m *configMap) Watch(ctx context.Context, changed func(map[string]string), failed func(error)) {
	for {
		m.mu.Lock()
		data, err, next := maps.Clone(m.data), m.err, m.changed
		m.mu.Unlock()
		if err != nil {
			failed(err)
		} else {
			changed(data)
		}
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
	}
}

func (m *configMap) Patch(_ context.Context, set map[string]string, removed []string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.patches++
	if m.err != nil {
		return nil, m.err
	}
	maps.Copy(m.data, set)
	for _, key := range removed {
		delete(m.data, key)
	}
	m.notify()
	return maps.Clone(m.data), nil
}

func (m *configMap) notify() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// counts returns the number of entries and of patches.
func (m *configMap) counts() (entries, patches int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.data), m.patches
}

// fail makes each request fail, or work again if err is nil.
func (m *configMap) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	m.notify()
}

// replica is a controller without a pipeline.
type replica struct {
	fleets *fleet.Tables
	table  *table.Table
	sharer *Sharer
	log    bytes.Buffer
	kill   func()
}

// start starts a replica, which publishes the resources once it has the votes of others.
func start(t *testing.T, m *configMap, name string, set ...*table.Resource) *replica {
	t.Helper()
	r := &replica{fleets: fleet.New(nil)}
	changed := make(chan struct{}, 1)
	r.fleets.OnVotes(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	s := NewSharer(Options{
		ConfigMap: m, Fleets: r.fleets, Self: name, Changed: changed, Log: slog.New(slog.NewTextHandler(&r.log, nil)),
		Observe: func(int, int) {}, Written: func(bool) {},
	})
	r.sharer = s
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	r.kill = func() { cancel(); running.Wait() }
	select {
	case <-s.Loaded():
	case <-time.After(time.Minute):
	}
	r.table = r.fleets.Add(ir.DefaultFleet)
	r.table.Publish(set, nil)
	return r
}

func secret(body string) *table.Resource {
	return &table.Resource{
		Ref: table.Ref{Type: table.Secret, Name: "s"}, Body: []byte(body), Origins: []kobj.Key{kobj.Of(kobj.Secret, "ns", "s")},
	}
}

// A Secret that an Envoy rejected is not sent to it again after a restart, and is reported by each replica: Envoy acknowledges the second copy of a bad Secret without using it.
func TestRejectedSecretIsKnownAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, bad := newConfigMap(), secret("bad")
		leader, follower := start(t, m, "leader", bad), start(t, m, "follower", bad)
		envoy := follower.table.Watch("envoy")
		envoy.Reject(envoy.Get(bad.Ref), "Failed to load private key", nil)
		time.Sleep(time.Second)
		reported := func(r *replica, when string) {
			t.Helper()
			got := r.table.Rejections()
			if len(got) != 1 || got[0].Node != "envoy" || got[0].ErrorDetail != "Failed to load private key" || got[0].Unconfirmed {
				t.Errorf("%s: %+v", when, got)
			}
		}
		reported(leader, "the leader, whose Envoys have said nothing")
		leader.kill()
		follower.kill()
		again := start(t, m, "again", bad)
		reported(again, "after a restart")
		w := again.table.Watch("envoy")
		if v := w.Get(bad.Ref); v != nil {
			t.Errorf("it is sent %s again", v.Body())
		}
		repaired := secret("repaired")
		again.table.Publish([]*table.Resource{repaired}, nil)
		w.Accept([]*table.Version{w.Get(repaired.Ref)})
		if got := again.table.Rejections(); len(got) > 0 || w.Get(bad.Ref) == nil {
			t.Errorf("after the repair: %+v", got)
		}
		time.Sleep(30 * time.Minute)
		if entries, _ := m.counts(); entries > 0 {
			t.Errorf("left over: %d entries", entries)
		}
		again.kill()
	})
}

// Without the permission to share, verdicts are those of this replica; one line says so, and it is tried again.
func TestSharingFails(t *testing.T) {
	for name, err := range map[string]error{
		"forbidden":   apierrors.NewForbidden(schema.GroupResource{Resource: "configmaps"}, "verdicts", nil),
		"missing":     ErrMissing,
		"unavailable": errors.New("connection refused"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { sharingFails(t, name, err) })
		})
	}
}

func sharingFails(t *testing.T, name string, err error) {
	m, bad := newConfigMap(), secret("bad")
	m.err = err
	began := time.Now()
	r := start(t, m, "one", bad)
	if waited := time.Since(began); waited > 0 != (name == "unavailable") {
		t.Errorf("the first publication waits %v", waited)
	}
	w := r.table.Watch("envoy")
	w.Reject(w.Get(bad.Ref), "no", nil)
	time.Sleep(time.Hour)
	_, patches := m.counts()
	if got := r.table.Rejections(); len(got) != 1 || patches > 0 {
		t.Errorf("%+v, %d patches", got, patches)
	}
	m.fail(nil)
	time.Sleep(time.Second)
	if entries, _ := m.counts(); entries != 1 {
		t.Errorf("when it is possible again: %d entries", entries)
	}
	m.mu.Lock()
	m.err, m.patches = errors.New("conflict"), 0 // of patches only: the watch goes on
	m.mu.Unlock()
	r.table.Publish([]*table.Resource{secret("worse")}, nil)
	w.Reject(w.Get(bad.Ref), "no", nil)
	time.Sleep(10 * time.Minute)
	if _, patches = m.counts(); patches < 5 || patches > 30 {
		t.Errorf("%d attempts in 10 minutes", patches)
	}
	r.kill()
	if n := strings.Count(r.log.String(), "are not shared"); n != 2 {
		t.Errorf("%d lines:\n%s", n, &r.log)
	}
}

// However often votes change, writes are bounded.
func TestWritesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newConfigMap()
		r := start(t, m, "one")
		w := r.table.Watch("liar")
		for i := range 600 {
			s := secret(strings.Repeat("x", i+1))
			r.table.Publish([]*table.Resource{s}, nil)
			w.Reject(w.Get(s.Ref), "no", nil)
			time.Sleep(100 * time.Millisecond)
		}
		if _, patches := m.counts(); patches > 45 {
			t.Errorf("%d writes in a minute", patches)
		}
		r.kill()
	})
}

// A controller that starts resumes how the former one sharded the hosts of listeners; a value of somebody else, or garbage, changes
// nothing; and two replicas that disagree write once each.
func TestShardingsAreResumed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		http := ir.ListenerKey{Fleet: ir.DefaultFleet, Name: "ingress_http"}
		var fewer time.Time
		m := newConfigMap()
		of := func(shards int, fewer time.Time) map[ir.ListenerKey]translate.Sharding {
			return map[ir.ListenerKey]translate.Sharding{http: {Shards: shards, Fewer: fewer}}
		}
		resumed := func(name string, want map[ir.ListenerKey]translate.Sharding) *replica {
			t.Helper()
			r := start(t, m, name)
			got := r.sharer.Shardings()
			if !maps.EqualFunc(got, want, func(a, b translate.Sharding) bool { return a.Shards == b.Shards && a.Fewer.Equal(b.Fewer) }) {
				t.Errorf("%s resumes %v, want %v", name, got, want)
			}
			return r
		}
		first, second := resumed("first", nil), resumed("second", nil)
		first.sharer.SetShardings(of(64, time.Time{}))
		time.Sleep(time.Second)
		second.sharer.SetShardings(of(64, time.Time{}))
		time.Sleep(time.Minute)
		resumed("third", of(64, time.Time{})).kill()
		fewer = time.Now().UTC().Truncate(time.Second)
		first.sharer.SetShardings(of(64, fewer))
		time.Sleep(time.Second)
		second.sharer.SetShardings(of(32, time.Time{}))
		time.Sleep(time.Hour)
		if _, patches := m.counts(); patches != 3 {
			t.Errorf("%d writes, want one for each change", patches)
		}
		resumed("fourth", of(32, time.Time{})).kill()
		m.fail(errors.New("connection refused"))
		first.sharer.SetShardings(of(16, fewer))
		time.Sleep(5 * time.Minute)
		m.fail(nil)
		time.Sleep(5 * time.Minute)
		resumed("after an outage", of(16, fewer)).kill()
		second.sharer.SetShardings(map[ir.ListenerKey]translate.Sharding{})
		time.Sleep(time.Minute)
		if entries, _ := m.counts(); entries != 0 {
			t.Errorf("%d entries are left", entries)
		}
		first.kill()
		second.kill()
		for _, value := range []string{
			"garbage", `[{"fleet":"","listener":"ingress_http","shards":63}]`, `[{"listener":"ingress_http","shards":2048}]`,
			`[{"listener":"ingress_http","shards":-2}]`, `[{"listener":"ingress_http","shards":8,"fewer":"never"}]`,
			"[" + strings.Repeat(" ", maxShardingsBytes) + "]",
		} {
			m.data[shardingsKey] = value
			resumed("garbage", nil).kill()
		}
		m.data[shardingsKey] = `[{"fleet":"` + string(ir.DefaultFleet) + `","listener":"ingress_http","shards":8,"fewer":"9999-01-01T00:00:00Z"}]`
		resumed("another clock", of(8, time.Now())).kill()
	})
}

// A value has bounds: of too many listeners, it has those with most shards.
func TestShardingsAreBounded(t *testing.T) {
	own := map[ir.ListenerKey]translate.Sharding{}
	for i := range 10 * maxShardings {
		own[ir.ListenerKey{Fleet: ir.Fleet(strings.Repeat("f", 100)), Name: fmt.Sprint(i)}] = translate.Sharding{Shards: 2 << (i % 2), Fewer: time.Unix(int64(i), 0)}
	}
	value := encodeShardings(own)
	got := decodeShardings(value, time.Unix(1e6, 0))
	if len(got) != maxShardings || len(value) > maxShardingsBytes {
		t.Errorf("%d listeners in %d bytes", len(got), len(value))
	}
	for k, s := range got {
		if s.Shards != 4 || !s.Fewer.Equal(own[k].Fewer) {
			t.Errorf("%v is %v", k, s)
		}
	}
}
