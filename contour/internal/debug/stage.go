package debug

import (
	"net/http"
	"slices"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/status"
	"contour.example/contour/internal/xds/fleet"
)

// scanStep is the number of keys of a table that are read between two batches: about 20 microseconds.
const scanStep = 512

// scanned is a table that is read in steps.
type scanned[K comparable, V any] interface {
	Scan(from memo.Cursor, n int, f func(K, V)) memo.Cursor
}

// scan passes the keys and values of a derived table to add. It reads scanStep of them between two batches.
func scan[K comparable, V any](s Sources, r *http.Request, of func(View) scanned[K, V], add func(K, V)) *failure {
	type row struct {
		key   K
		value V
	}
	rows := make([]row, 0, 2*scanStep)
	for at := (memo.Cursor{}); !at.Done(); {
		rows = rows[:0]
		read := func(v View) {
			at = of(v).Scan(at, scanStep, func(k K, v V) { rows = append(rows, row{k, v}) })
		}
		if !s.Inspect(r.Context(), read) {
			return stopping()
		}
		for _, row := range rows {
			add(row.key, row.value)
		}
	}
	return nil
}

func (s Sources) hosts() list[*ir.VirtualHost] {
	return list[*ir.VirtualHost]{
		each: func(r *http.Request, add func(string, *ir.VirtualHost)) *failure {
			of := func(v View) scanned[ir.HostKey, *ir.VirtualHost] { return v.Compile.VirtualHosts }
			return scan(s, r, of, func(k ir.HostKey, v *ir.VirtualHost) { add(irtext.HostName(k), v) })
		},
		render: func(name string, v *ir.VirtualHost) ([]byte, error) { return irtext.Host(name, v) },
	}
}

func (s Sources) listeners() list[*ir.Listener] {
	return list[*ir.Listener]{
		each: func(r *http.Request, add func(string, *ir.Listener)) *failure {
			of := func(v View) scanned[ir.ListenerKey, *ir.Listener] { return v.Compile.Listeners }
			return scan(s, r, of, func(k ir.ListenerKey, l *ir.Listener) {
				if l != nil {
					add(string(k.Fleet)+"/"+k.Name, l)
				}
			})
		},
		render: func(_ string, l *ir.Listener) ([]byte, error) { return irtext.Marshal([]*ir.Listener{l}) },
	}
}

func (s Sources) chains() list[*ir.Chain] {
	return list[*ir.Chain]{
		each: func(r *http.Request, add func(string, *ir.Chain)) *failure {
			of := func(v View) scanned[ir.ChainKey, *ir.Chain] { return v.Compile.Chains }
			return scan(s, r, of, func(k ir.ChainKey, c *ir.Chain) {
				if c != nil {
					add(string(k.Listener.Fleet)+"/"+k.Listener.Name+"/"+k.ServerName, c)
				}
			})
		},
		render: func(_ string, c *ir.Chain) ([]byte, error) { return irtext.Marshal([]*ir.Chain{c}) },
	}
}

func (s Sources) report() list[*status.Desired] {
	return list[*status.Desired]{
		each: func(r *http.Request, add func(string, *status.Desired)) *failure {
			of := func(v View) scanned[kobj.Key, *status.Desired] { return v.Status.Desired }
			return scan(s, r, of, func(k kobj.Key, d *status.Desired) {
				if d != nil {
					add(k.String(), d)
				}
			})
		},
		render: func(_ string, d *status.Desired) ([]byte, error) {
			text, err := status.YAML([]*status.Desired{d})
			return slices.Concat([]byte("---\n"), text), err
		},
	}
}

func (s Sources) rejections() list[fleet.Rejection] {
	return list[fleet.Rejection]{
		each: func(_ *http.Request, add func(string, fleet.Rejection)) *failure {
			for _, r := range s.Fleets.Rejections() {
				add(string(r.Fleet)+" "+r.Ref.String()+" "+r.Part+" "+r.Hash, r)
			}
			return nil
		},
		render: func(_ string, r fleet.Rejection) ([]byte, error) { return yaml.Marshal([]fleet.Rejection{r}) },
	}
}

func (s Sources) disagreements() list[fleet.Disagreement] {
	return list[fleet.Disagreement]{
		each: func(_ *http.Request, add func(string, fleet.Disagreement)) *failure {
			for _, d := range s.Fleets.Disagreements() {
				add(string(d.Fleet)+" "+d.Node+" "+d.Ref.String()+" "+d.Part, d)
			}
			return nil
		},
		render: func(_ string, d fleet.Disagreement) ([]byte, error) { return yaml.Marshal([]fleet.Disagreement{d}) },
	}
}
