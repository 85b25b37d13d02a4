package translate

import (
	"fmt"
	"testing"

	"contour.example/contour/internal/ir"
)

// BenchmarkLoad is the translation of plain and TLS hosts from nothing.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				loaded(n).run()
			}
		})
	}
}

// BenchmarkOneRoute is the change of one route among 10,000 plain hosts.
func BenchmarkOneRoute(b *testing.B) {
	w := loaded(10000)
	w.run()
	for i := 0; b.Loop(); i++ {
		w.set(httpHost("h7.example.com", ir.Route{Match: prefix(fmt.Sprintf("/%d", i)), Forward: to("s7")}))
		w.run()
	}
}

// loaded is n plain hosts and n TLS hosts, over 1,000 Services.
func loaded(n int) *world {
	w := newWorld()
	for i := range n {
		name, r := fmt.Sprintf("h%d.example.com", i), ir.Route{Match: prefix("/"), Forward: to(fmt.Sprintf("s%d", i%1000))}
		w.set(httpHost(name, r), httpsHost(name, r))
	}
	return w
}
