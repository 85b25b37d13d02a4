package pipeline_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"testing"
	"time"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/source/kube"
	"contour.example/contour/internal/store"
)

// BenchmarkLoad measures the first configuration of a controller: the time and the allocations from a running API server to
// resources in the table, and the memory that each stage retains, in bytes for each HTTPProxy.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1_000, 5_000, 25_000} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				load(b, n)
			}
		})
	}
}

// load runs the stages one after the other and measures the memory of each.
func load(b *testing.B, n int) {
	api := newAPIServer(b, n)
	scale := newScale(b, n)

	source, err := kube.New(kube.Options{Config: api, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	batches := make(chan []store.Change)
	running.Go(func() { source.Run(ctx, batches) })
	batch := <-batches
	scale.weigh("source")

	sys := newSystem(b, config.Default())
	sys.Store.Apply(batch)
	batch = nil
	scale.weigh("store")

	if r := sys.Step(nil); r.Published < n/5 || len(r.Hosts) != n || len(r.Statuses) != n {
		b.Fatalf("%d resources, %d hosts, %d statuses", r.Published, len(r.Hosts), len(r.Statuses))
	}
	scale.weigh("derived")
	sys.table.Watch("envoy").Accept(sys.table.All())
	scale.weigh("accepted")
	runtime.KeepAlive(batch)
	runtime.KeepAlive(sys)
	runtime.KeepAlive(source)
}

// scale measures the increase of memory from one call of weigh to the next.
type scale struct {
	b    *testing.B
	n    int
	last uint64
	at   time.Time
}

func newScale(b *testing.B, n int) *scale {
	return &scale{b: b, n: n, last: inUse(), at: time.Now()}
}

func (s *scale) weigh(stage string) {
	s.b.ReportMetric(float64(time.Since(s.at).Milliseconds()), stage+"-ms")
	now := inUse()
	s.b.ReportMetric(float64(int64(now-s.last))/float64(s.n), stage+"-B/proxy")
	s.last = now
	if *heap != "" {
		s.profile(filepath.Join(*heap, fmt.Sprintf("%s-%d.pprof", stage, s.n)))
	}
	s.at = time.Now()
}

func (s *scale) profile(name string) {
	f, err := os.Create(name)
	if err != nil {
		s.b.Fatal(err)
	}
	defer f.Close()
	if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
		s.b.Fatal(err)
	}
}

// inUse returns the bytes of reachable objects on the heap.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
