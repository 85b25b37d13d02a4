package debug

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	anypb "google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/redact"
	"contour.example/contour/internal/xds/server"
	"contour.example/contour/internal/xds/table"
)

// resource is the line of an xDS resource in a list.
type resource struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Version string `json:"version"`
}

func renderResource(_ string, r resource) ([]byte, error) { return yaml.Marshal([]resource{r}) }

// addResource adds a resource to a list, unless the query asks for another type.
func addResource(r *http.Request, add func(string, resource), ref table.Ref, version string) {
	if t := r.URL.Query().Get("type"); t == "" || strings.EqualFold(t, ref.Type.String()) {
		add(ref.String(), resource{Type: ref.Type.String(), Name: ref.Name, Version: version})
	}
}

// xds lists the effective resources of a fleet, or shows one.
func (s Sources) xds(slots chan struct{}) http.HandlerFunc {
	all := list[resource]{render: renderResource, each: func(r *http.Request, add func(string, resource)) *failure {
		of, fault := s.tableOf(r)
		if fault != nil {
			return fault
		}
		for v := range of.Scan() {
			addResource(r, add, v.Ref, v.Hash)
		}
		return nil
	}}.handler(slots)
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("name") == "" {
			all(w, r)
			return
		}
		of, fault := s.tableOf(r)
		if fault != nil {
			fault.write(w)
			return
		}
		one(w, of, q.Get("type"), q.Get("name"))
	}
}

// tableOf returns the table of the fleet that the query names.
func (s Sources) tableOf(r *http.Request) (*table.Table, *failure) {
	name := r.URL.Query().Get("fleet")
	if of := s.Fleets.Get(cmp.Or(ir.Fleet(name), ir.DefaultFleet)); of != nil {
		return of, nil
	}
	return nil, &failure{http.StatusNotFound, fmt.Sprintf("there is no fleet %q", name)}
}

// sessions summarizes all Envoys, or shows the versions of one.
func (s Sources) sessions(slots chan struct{}) http.HandlerFunc {
	all := list[server.Session]{
		each: func(_ *http.Request, add func(string, server.Session)) *failure {
			for i, one := range s.Sessions() {
				add(fmt.Sprintf("%s %s %06d", one.Node, one.Since.UTC().Format("2006-01-02T15:04:05.000000000"), i), one)
			}
			return nil
		},
		render: func(_ string, one server.Session) ([]byte, error) { return yaml.Marshal([]server.Session{one}) },
	}.handler(slots)
	versions := list[resource]{render: renderResource, each: func(r *http.Request, add func(string, resource)) *failure {
		acked, ok := s.Acked(r.URL.Query().Get("node"))
		if !ok {
			return &failure{http.StatusNotFound, "no such Envoy is connected"}
		}
		for ref, version := range acked {
			addResource(r, add, ref, version)
		}
		return nil
	}}.handler(slots)
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("node") == "" {
			all(w, r)
			return
		}
		versions(w, r)
	}
}

func one(w http.ResponseWriter, of *table.Table, typ, name string) {
	for _, t := range table.Types() {
		if !strings.EqualFold(typ, t.String()) {
			continue
		}
		v := of.Get(table.Ref{Type: t, Name: name})
		if v == nil {
			http.Error(w, fmt.Sprintf("there is no %s resource %q", t, name), http.StatusNotFound)
			return
		}
		if t == table.Secret {
			http.Error(w, "secrets are not shown", http.StatusForbidden)
			return
		}
		text, err := show(&anypb.Any{TypeUrl: t.URL(), Value: v.Body()})
		if err != nil {
			failed(err).write(w)
			return
		}
		writeText(w, text)
		return
	}
	http.Error(w, fmt.Sprintf("%q is no xDS type: CDS, EDS, SDS, LDS, SRDS, RDS", typ), http.StatusBadRequest)
}

func show(a *anypb.Any) ([]byte, error) {
	a, err := redact.Any(a)
	if err != nil {
		return nil, err
	}
	text, err := protojson.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("resource: %w", err)
	}
	return yaml.JSONToYAML(text)
}
