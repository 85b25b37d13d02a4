package server

import (
	"maps"
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	anypb "google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/redact"
	"contour.example/contour/internal/xds/table"
)

// observation is what one observer asks for, and what it was sent.
type observation struct {
	typ    table.Type
	fleet  ir.Fleet
	table  *table.Table
	limits ObserverLimits

	all      bool
	names    map[string]struct{}
	sent     map[string]string // version by name; "" for a name that does not exist
	asked    bool              // since the last look
	begun    bool              // something was sent
	revision uint64            // of the table, at the last look
}

func newObservation(t table.Type, f ir.Fleet, of *table.Table, limits ObserverLimits) *observation {
	return &observation{typ: t, fleet: f, table: of, limits: limits, names: map[string]struct{}{}, sent: map[string]string{}}
}

// everything is the name that stands for all resources.
const everything = "*"

// ask applies a request. An error has a gRPC status.
func (o *observation) ask(q query) error {
	if !o.asked && !o.begun && len(q.subscribe) == 0 {
		o.all = true
	}
	if q.replace {
		q.cancel = o.without(q.subscribe)
	}
	for _, name := range q.cancel {
		o.all = o.all && name != everything
		delete(o.names, name)
		delete(o.sent, name)
	}
	for _, name := range q.subscribe {
		if _, had := o.names[name]; had && q.replace {
			continue
		}
		if name == everything {
			o.all = true
		} else {
			o.names[name] = struct{}{}
			delete(o.sent, name)
		}
		o.asked = true
	}
	if len(o.names) > o.limits.Names {
		return status.Errorf(codes.ResourceExhausted, "%d names of resources, more than %d", len(o.names), o.limits.Names)
	}
	o.asked = o.asked || !o.begun
	return nil
}

// without returns the names that the observer asked for and that are not among these.
func (o *observation) without(names []string) []string {
	left := maps.Clone(o.names)
	for _, name := range names {
		delete(left, name)
	}
	return slices.Collect(maps.Keys(left))
}

// difference is what an observer does not have yet.
type difference struct {
	set     []*table.Version // sorted
	removed []string         // sorted
	all     []*table.Version // that the observer asks for; sorted
	version string
}

// look sends what is different from what the observer has. It reads the table only if that has changed.
func (o *observation) look(rpc grpc.ServerStream, p protocol) error {
	revision := o.table.Revision()
	if revision == o.revision && !o.asked {
		return nil
	}
	d := o.compare()
	d.version = strconv.FormatUint(revision, 10)
	if len(d.set)+len(d.removed) > 0 || !o.begun {
		if err := p.send(rpc, o, d); err != nil {
			return err
		}
	}
	o.revision, o.asked, o.begun = revision, false, true
	return nil
}

// compare compares the table with what the observer has, and records that it has the difference.
func (o *observation) compare() difference {
	now := map[string]*table.Version{}
	for v := range o.table.Scan() {
		if v.Ref.Type == o.typ && o.wants(v.Ref.Name) {
			now[v.Ref.Name] = v
		}
	}
	for name := range o.names {
		if now[name] == nil {
			now[name] = nil
		}
	}
	for name := range o.sent {
		switch {
		case !o.wants(name):
			delete(o.sent, name)
		case now[name] == nil: // missed by the scan, unless it is gone
			now[name] = o.table.Get(table.Ref{Type: o.typ, Name: name})
		}
	}
	var d difference
	for _, name := range slices.Sorted(maps.Keys(now)) {
		v := now[name]
		had, known := o.sent[name]
		switch {
		case v != nil:
			d.all = append(d.all, v)
			if had != v.Hash {
				d.set = append(d.set, v)
			}
			o.sent[name] = v.Hash
		case !known || had != "":
			d.removed = append(d.removed, name)
			o.forget(name)
		}
	}
	return d
}

// forget records that the observer knows that a resource does not exist.
func (o *observation) forget(name string) {
	if _, named := o.names[name]; named {
		o.sent[name] = ""
		return
	}
	delete(o.sent, name)
}

func (o *observation) wants(name string) bool {
	_, named := o.names[name]
	return named || o.all
}

// body returns the message of a resource without secrets; an empty one if it cannot be read, since its secrets are unknown.
func (o *observation) body(v *table.Version) *anypb.Any {
	redacted, err := redact.Any(&anypb.Any{TypeUrl: o.typ.URL(), Value: v.Body()})
	if err != nil {
		return &anypb.Any{TypeUrl: o.typ.URL()}
	}
	return redacted
}

// protocol is a variant of xDS.
type protocol interface {
	// receive reads a request. An error has a gRPC status, or ends the stream.
	receive(rpc grpc.ServerStream) (query, error)
	// send sends a difference.
	send(rpc grpc.ServerStream, o *observation, d difference) error
}

// deltaProtocol sends what has changed.
type deltaProtocol struct{ responses uint64 }

func (p *deltaProtocol) receive(rpc grpc.ServerStream) (query, error) {
	m := &discoveryv3.DeltaDiscoveryRequest{}
	if err := rpc.RecvMsg(m); err != nil {
		return query{}, err
	}
	if size := proto.Size(m); size > maxObserverRequest {
		return query{}, status.Errorf(codes.ResourceExhausted, "the request has %d bytes, more than %d", size, maxObserverRequest)
	}
	return query{node: m.GetNode(), subscribe: m.GetResourceNamesSubscribe(), cancel: m.GetResourceNamesUnsubscribe()}, nil
}

// observerResponse is the number of bytes from which on a response of deltaProtocol ends.
const observerResponse = 1 << 20

func (p *deltaProtocol) send(rpc grpc.ServerStream, o *observation, d difference) error {
	response := &discoveryv3.DeltaDiscoveryResponse{RemovedResources: d.removed}
	size := 0
	for _, v := range d.set {
		if size > 0 && size+v.Size() > observerResponse {
			if err := p.respond(rpc, o, d, response); err != nil {
				return err
			}
			response, size = &discoveryv3.DeltaDiscoveryResponse{}, 0
		}
		response.Resources = append(response.Resources, &discoveryv3.Resource{Name: v.Ref.Name, Version: v.Hash, Resource: o.body(v)})
		size += v.Size()
	}
	return p.respond(rpc, o, d, response)
}

func (p *deltaProtocol) respond(rpc grpc.ServerStream, o *observation, d difference, response *discoveryv3.DeltaDiscoveryResponse) error {
	p.responses++
	response.TypeUrl, response.SystemVersionInfo, response.Nonce = o.typ.URL(), d.version, strconv.FormatUint(p.responses, 10)
	return rpc.SendMsg(response)
}

// worldProtocol sends everything that the observer asks for whenever something of it has changed. An acknowledgement
// without names, as Contour's client sends it, does not change what it asks for.
type worldProtocol struct{ responses uint64 }

func (p *worldProtocol) receive(rpc grpc.ServerStream) (query, error) {
	m := &discoveryv3.DiscoveryRequest{} // its size is bounded by the codec
	if err := rpc.RecvMsg(m); err != nil {
		return query{}, err
	}
	return query{node: m.GetNode(), subscribe: m.GetResourceNames(), replace: len(m.GetResourceNames()) > 0}, nil
}

func (p *worldProtocol) send(rpc grpc.ServerStream, o *observation, d difference) error {
	size := 0
	for _, v := range d.all {
		size += v.Size()
	}
	if size > o.limits.Bytes {
		return status.Errorf(codes.ResourceExhausted, "%d resources have %d bytes, more than %d: use the delta variant, or name resources", len(d.all), size, o.limits.Bytes)
	}
	p.responses++
	response := &discoveryv3.DiscoveryResponse{TypeUrl: o.typ.URL(), VersionInfo: d.version, Nonce: strconv.FormatUint(p.responses, 10)}
	for _, v := range d.all {
		response.Resources = append(response.Resources, o.body(v))
	}
	return rpc.SendMsg(response)
}
