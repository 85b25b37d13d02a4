package translate

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/ir"
)

// BenchmarkLoad is the translation of plain and TLS hosts from nothing.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 25000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				loaded(n).run()
			}
		})
	}
}

// BenchmarkOneRoute is the change of one route of a host among many.
func BenchmarkOneRoute(b *testing.B) {
	hosts := map[string]func(string, ...ir.Route) *ir.VirtualHost{"plain": httpHost, "TLS": httpsHost}
	for _, n := range []int{100, 1000, 25000} {
		w := loaded(n)
		w.run()
		for _, kind := range []string{"plain", "TLS"} {
			b.Run(fmt.Sprintf("%s of %d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					w.set(hosts[kind]("h7.example.com", ir.Route{Match: prefix(fmt.Sprintf("/%d", i)), Forward: to("s7")}))
					w.run()
				}
			})
		}
	}
}

// BenchmarkOneHost is an HTTP host that comes and goes.
func BenchmarkOneHost(b *testing.B) {
	for _, n := range []int{100, 1000, 25000} {
		w := loaded(n)
		w.run()
		v := httpHost("one.example.com", ir.Route{Match: prefix("/"), Forward: to("s7")})
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w.set(v)
				w.run()
				w.hosts.Delete(v.Key)
				w.run()
			}
		})
	}
}

// loaded is n HTTP hosts and n TLS hosts, over 1,000 Services.
func loaded(n int) *world {
	w := newWorld()
	for i := range n {
		name, r := fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i%1000))}
		w.set(httpHost(name, r), httpsHost(name, r))
	}
	return w
}
