package table

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/kobj"
)

// bigComposite returns a composite with n parts of about 100 bytes, each with an origin and a need; ten parts share a need.
func bigComposite(t Type, n int) *Resource {
	r := &Resource{Ref: Ref{t, "big"}, Body: []byte("header"), Field: 2}
	for i := range n {
		r.Parts = append(r.Parts, Part{
			Name: fmt.Sprintf("host-%05d.example.com", i), Body: fmt.Appendf(nil, "%0100d", i),
			Needs: []Ref{cluster(fmt.Sprintf("cluster-%05d", i/10))}, Origins: []kobj.Key{kobj.Of(kobj.HTTPProxy, "ns", fmt.Sprint("proxy-", i))},
		})
	}
	return r
}

// with returns a copy of the resource with a changed part i.
func with(r *Resource, i int, change func(*Part)) *Resource {
	next := *r
	next.Parts = append([]Part(nil), r.Parts...)
	change(&next.Parts[i])
	return &next
}

var sizes = []int{100, 1_000, 25_000}

// BenchmarkPublishEdit publishes an edit of one part and accepts it.
func BenchmarkPublishEdit(b *testing.B) {
	for _, n := range sizes {
		first := bigComposite(Route, n)
		for name, second := range map[string]*Resource{
			"body": with(first, n/2, func(p *Part) { p.Body = []byte("changed") }),
			"need": with(first, n/2, func(p *Part) { p.Body, p.Needs = []byte("changed"), []Ref{cluster("other")} }),
		} {
			b.Run(fmt.Sprintf("%s/parts=%d", name, n), func(b *testing.B) { benchmarkEdit(b, first, second) })
		}
		b.Run(fmt.Sprintf("add and remove/parts=%d", n), func(b *testing.B) {
			second := *first
			second.Parts = append(append(append([]Part(nil), first.Parts[:n/2]...), Part{
				Name: "new", Body: []byte("new"), Needs: []Ref{cluster("new")},
			}), first.Parts[n/2:]...)
			benchmarkEdit(b, first, &second)
		})
	}
}

func benchmarkEdit(b *testing.B, first, second *Resource) {
	tab := New()
	envoy := tab.Watch("envoy")
	states := [2]*Resource{first, second}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		tab.Publish([]*Resource{states[i%2]}, nil)
		envoy.Accept([]*Version{tab.Get(first.Ref)})
		i++
	}
}

// BenchmarkPublishLoad publishes n resources for the first time, and measures the cost of one.
func BenchmarkPublishLoad(b *testing.B) {
	const n = 10_000
	var set []*Resource
	for i := range n {
		set = append(set, simple(Cluster, fmt.Sprintf("cluster-%05d", i), fmt.Sprintf("%0300d", i), Ref{Endpoint, fmt.Sprintf("endpoints-%05d", i)}))
	}
	b.ReportAllocs()
	for b.Loop() {
		New().Publish(set, nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/resource")
}

// BenchmarkPublishRemoval removes half of the parts and adds them again.
func BenchmarkPublishRemoval(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("parts=%d", n), func(b *testing.B) {
			first := bigComposite(Route, n)
			second := *first
			second.Parts = first.Parts[:n/2]
			benchmarkEdit(b, first, &second)
		})
	}
}
