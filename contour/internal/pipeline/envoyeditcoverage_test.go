//go:build envoy

package pipeline_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// uneditedFields are the fields of HTTPProxy that no test edits under load, and why.
func uneditedFields() map[string]string {
	return map[string]string{
		"HTTPProxySpec.ingressClassName": "whether the object is ours: without it, its host is not served",
		"VirtualHost.fqdn":               "another host: requests to the former one are refused, as they should be",
		"TLS.passthrough":                "the backend has the handshakes, with another certificate",
	}
}

// Each field of HTTPProxy is edited by a test of edits under load, or has a reason why not.
func TestEditsUnderLoadHaveEachField(t *testing.T) {
	edited := map[string]bool{}
	for _, spec := range editedSpecs() {
		fieldsOfEdit(reflect.ValueOf(spec.before).Elem(), reflect.ValueOf(spec.after).Elem(), edited)
	}
	all := map[string]bool{}
	fieldsOfType(reflect.TypeFor[contourv1.HTTPProxySpec](), all)
	if len(all) < 150 {
		t.Fatalf("HTTPProxy has %d fields; the test does not find them", len(all))
	}
	exceptions := uneditedFields()
	for _, f := range slices.Sorted(maps.Keys(all)) {
		switch reason, excepted := exceptions[f]; {
		case edited[f] && excepted:
			t.Errorf("%s is edited, although it is among the exceptions: %s", f, reason)
		case !edited[f] && !excepted:
			t.Errorf("%s is not edited under load", f)
		}
	}
	for f := range exceptions {
		if !all[f] {
			t.Errorf("%s is among the exceptions, but HTTPProxy does not have it", f)
		}
	}
}

// editedSpec is an edit of a specification.
type editedSpec struct{ before, after *contourv1.HTTPProxySpec }

// editedSpecs returns the edits of all tests of edits under load.
func editedSpecs() (out []editedSpec) {
	add := func(p *contourv1.HTTPProxy, edit func(*contourv1.HTTPProxySpec)) {
		before := p.Spec.DeepCopy()
		edit(&p.Spec)
		out = append(out, editedSpec{before, &p.Spec})
	}
	routes := func(edit func(*contourv1.Route)) {
		add(proxy(0), func(s *contourv1.HTTPProxySpec) {
			for i := range s.Routes {
				s.Routes[i].Services = slices.Clone(s.Routes[i].Services)
				edit(&s.Routes[i])
			}
		})
	}
	for _, e := range routeEdits() {
		routes(e.edit)
	}
	for _, e := range upstreamEdits() {
		routes(e.edit)
	}
	for _, e := range slices.Concat(policyEdits(), globalLimitEdits()) {
		add(tlsProxy(0), func(s *contourv1.HTTPProxySpec) { e.edit(s.VirtualHost, &s.Routes[1]) })
	}
	for _, e := range inclusionEdits() {
		add(tlsProxy(0), func(s *contourv1.HTTPProxySpec) { s.Includes, s.Routes = e.includes, nil })
	}
	for _, e := range handshakeEdits() {
		add(tlsProxy(0), func(s *contourv1.HTTPProxySpec) { e.edit(s.VirtualHost) })
	}
	for _, edit := range providerEdits() {
		p := remoteProvider(tlsProxy(0))
		add(p, func(s *contourv1.HTTPProxySpec) { edit(p, &s.VirtualHost.JWTProviders[0]) })
	}
	for _, e := range authorizationEdits() {
		p, extension := editedGuard()
		add(p, func(s *contourv1.HTTPProxySpec) { e.edit(p, s.VirtualHost.Authorization, extension) })
	}
	for _, edit := range tcpEdits() {
		p := tlsProxy(0)
		p.Spec.TCPProxy, p.Spec.Routes = &contourv1.TCPProxy{Services: p.Spec.Routes[0].Services}, nil
		add(p, func(s *contourv1.HTTPProxySpec) { edit(s.TCPProxy) })
	}
	return out
}

// fieldName is the name of a field by the type of its struct and its name in YAML.
func fieldName(of reflect.Type, f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return fmt.Sprintf("%s.%s", of.Name(), name)
}

// fieldsOfType adds the fields of the type, and of the types that it consists of.
func fieldsOfType(t reflect.Type, all map[string]bool) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		fieldsOfType(t.Elem(), all)
	case reflect.Struct:
		for f := range t.Fields() {
			name := fieldName(t, f)
			if all[name] {
				continue
			}
			all[name] = true
			fieldsOfType(f.Type, all)
		}
	}
}

// fieldsOfEdit adds the fields that differ.
func fieldsOfEdit(before, after reflect.Value, edited map[string]bool) {
	switch after.Kind() {
	case reflect.Pointer:
		if after.IsNil() {
			return
		}
		if before.IsNil() {
			before = reflect.New(after.Type().Elem())
		}
		fieldsOfEdit(before.Elem(), after.Elem(), edited)
	case reflect.Slice:
		for i := range after.Len() {
			former := reflect.Zero(after.Type().Elem())
			if i < before.Len() {
				former = before.Index(i)
			}
			fieldsOfEdit(former, after.Index(i), edited)
		}
	case reflect.Struct:
		for f, value := range after.Fields() {
			former := before.FieldByIndex(f.Index)
			if reflect.DeepEqual(former.Interface(), value.Interface()) {
				continue
			}
			edited[fieldName(after.Type(), f)] = true
			fieldsOfEdit(former, value, edited)
		}
	}
}
