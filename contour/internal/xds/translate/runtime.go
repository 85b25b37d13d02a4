package translate

import (
	"strings"

	runtimev3 "github.com/envoyproxy/go-control-plane/envoy/service/runtime/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// runtimeLayer is the name of the layer that the bootstrap (package envoybootstrap) subscribes to.
const runtimeLayer = "dynamic"

// addRuntime adds the table of the runtime layer of each fleet.
func (t *Tables) addRuntime() {
	fleet := func(k ir.ListenerKey, l *ir.Listener) []ir.Fleet {
		if l == nil {
			return nil
		}
		return []ir.Fleet{k.Fleet}
	}
	limited := memo.NewIndex(t.from.Listeners, "translate/listeners with a limit by fleet", ir.ListenerKey.Compare, func(k ir.ListenerKey, l *ir.Listener) []ir.Fleet {
		if l == nil || l.Admin || l.Connections.MaxConnections == 0 {
			return nil
		}
		return fleet(k, l)
	})
	memo.DemandFrom(t.from.Listeners, owned(t, "translate/runtime", func(f ir.Fleet) ir.Fleet { return f }, func(r *memo.Reader, f ir.Fleet) *table.Resource {
		var all []*ir.Listener
		for _, k := range limited.Get(r, f) {
			all = append(all, t.from.Listeners.Get(r, k))
		}
		return runtimeOf(t.from.Runtime(r), all)
	}), fleet)
}

// runtimeOf returns the runtime layer of a fleet with the listeners that have a limit of connections. An empty one is served too: an Envoy that reconnects has it, and needs
// no answer. What has a setting of its own takes precedence over the other values.
func runtimeOf(s ir.RuntimeSettings, listeners []*ir.Listener) *table.Resource {
	values := map[string]any{}
	for _, v := range s.Values {
		values[v.Key] = v.Value
	}
	if s.MaxRequestsPerIOCycle > 0 {
		values["http.max_requests_per_io_cycle"] = float64(s.MaxRequestsPerIOCycle)
	}
	for _, l := range listeners {
		if l != nil {
			values[strings.Join([]string{"envoy.resource_limits.listener", l.Socket, "connection_limit"}, ".")] = float64(l.Connections.MaxConnections)
		}
	}
	e := &encoder{}
	layer, err := structpb.NewStruct(values)
	e.fail(err)
	body := e.bytes(&runtimev3.Runtime{Name: runtimeLayer, Layer: layer})
	return &table.Resource{Ref: table.Ref{Type: table.Runtime, Name: runtimeLayer}, Body: body, Invalid: e.invalid()}
}
