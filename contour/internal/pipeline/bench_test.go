package pipeline_test

import (
	"fmt"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
)

// BenchmarkEdit processes one edit of a route, from the watch to the table, with a new generation each time.
func BenchmarkEdit(b *testing.B) {
	for _, n := range []int{fewProxies, 1_000, manyProxies} {
		b.Run(fmt.Sprintf("N=%d", n), func(b *testing.B) {
			sys := newSystem(b, config.Default())
			sys.Step(manyObjects(b, n))
			e := editor{n: n}
			sys.Step(change(e.next()))
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if r := sys.Step(change(e.next())); len(r.Hosts) != 1 || len(r.Statuses) != 1 {
					b.Fatalf("%d hosts, %d statuses", len(r.Hosts), len(r.Statuses))
				}
			}
		})
	}
}

// editor edits one proxy after the other.
type editor struct{ n, edits int }

// next returns a proxy whose second route has another Service than before.
func (e *editor) next() *contourv1.HTTPProxy {
	e.edits++
	i := e.edits * 7 % e.n
	p := proxy(i)
	p.Generation = 1 + int64(e.edits)
	p.Spec.Routes[1].Services = []contourv1.Service{{Name: fmt.Sprintf("service-%d", (i+1+e.edits/e.n)%min(e.n, manyServices)), Port: 80}}
	return p
}
