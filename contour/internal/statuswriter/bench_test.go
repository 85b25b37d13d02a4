package statuswriter

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/status"
)

// instant is a Client that takes everything and costs nothing.
type instant struct{}

func (instant) PatchStatus(context.Context, kobj.Key, []byte) (Version, error) {
	return Version{ResourceVersion: "2", Generation: 1}, nil
}
func (instant) CreateEvent(context.Context, Event) error { return nil }

// world is n HTTPProxies with the statuses that they ought to have; changed decides whether they have them.
func world(n int, right bool) (keys []kobj.Key, desired []*status.Desired, lookup func(kobj.Key) (metav1.Object, bool)) {
	objects := map[kobj.Key]metav1.Object{}
	for i := range n {
		k := kobj.Of(kobj.HTTPProxy, fmt.Sprint("ns", i%100), fmt.Sprint("proxy", i))
		d := valid(k, 1, "Valid HTTPProxy")
		p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: k.Name.Name, Generation: 1, ResourceVersion: "1"}}
		if right {
			d.HTTPProxy().DeepCopyInto(&p.Status)
			p.Status.Conditions[0].LastTransitionTime = metav1.NewTime(time.Unix(1_700_000_000, 0))
		}
		keys, desired, objects[k] = append(keys, k), append(desired, d), p
	}
	return keys, desired, func(k kobj.Key) (metav1.Object, bool) { o, ok := objects[k]; return o, ok }
}

// benchmark has 10,000 statuses looked at in each round.
func benchmark(b *testing.B, client Client, right bool) {
	const n = 10_000
	keys, desired, lookup := world(n, right)
	b.ReportAllocs()
	for b.Loop() {
		var left sync.WaitGroup
		left.Add(n)
		w := New(Options{
			Client: client, Lookup: lookup, Log: slog.New(slog.DiscardHandler),
			Observe: func(string, string, time.Duration) { left.Done() },
		})
		w.SetAll(n, func(yield func(kobj.Key, *status.Desired) bool) {
			for i := range keys {
				if !yield(keys[i], desired[i]) {
					return
				}
			}
		})
		ctx, cancel := context.WithCancel(b.Context())
		var leading sync.WaitGroup
		leading.Go(func() { w.Lead(ctx) })
		left.Wait()
		cancel()
		leading.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/status")
}

// BenchmarkRestart is what a restart costs: every status is as it ought to be.
func BenchmarkRestart(b *testing.B) { benchmark(b, instant{}, true) }

// BenchmarkFirstLoad is what the first statuses cost without the requests.
func BenchmarkFirstLoad(b *testing.B) { benchmark(b, instant{}, false) }

// BenchmarkRequest is one request over HTTP/2 and TLS, the server's side included.
func BenchmarkRequest(b *testing.B) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, written)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	b.Cleanup(server.Close)
	api, err := NewAPI(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, served)
	if err != nil {
		b.Fatal(err)
	}
	keys, desired, lookup := world(1, false)
	object, _ := lookup(keys[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := api.PatchStatus(b.Context(), keys[0], plan(kind.All().Get(kobj.HTTPProxy).Status, desired[0], object, time.Unix(0, 0)).patch()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOwnWriteComesBack is the watch event of a status that was written here.
func BenchmarkOwnWriteComesBack(b *testing.B) {
	keys, desired, lookup := world(1, false)
	w := New(Options{Client: instant{}, Lookup: lookup, Log: slog.New(slog.DiscardHandler)})
	w.term = newTerm(w)
	w.Set(keys[0], desired[0])
	object, _ := lookup(keys[0])
	object.SetResourceVersion(strconv.Itoa(2))
	w.records[keys[0]].upToDate = "2"
	before, _ := w.term.statuses.take()
	w.term.statuses.done(before, 0)
	b.ReportAllocs()
	for b.Loop() {
		w.Changed(keys[0])
	}
	if n := len(w.term.statuses.items); n != 0 {
		b.Fatalf("%d objects wait", n)
	}
}
