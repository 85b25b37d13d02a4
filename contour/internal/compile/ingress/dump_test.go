package ingress_test

import (
	"fmt"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// plain turns a value into what YAML can hold: names instead of numbers, nothing that is zero.
func plain(v any) any {
	switch v := v.(type) {
	case kobj.Key:
		return v.String()
	case kobj.Name:
		return v.String()
	case time.Time:
		return v.Format(time.RFC3339)
	case time.Duration:
		return v.String()
	case report.Severity:
		return v.String()
	case ir.HostKey:
		return fmt.Sprintf("%s %s %s", v.Listener.Fleet, v.Listener.Name, v.Hostname)
	case ir.PathMatch:
		return [...]string{"prefix", "segment", "exact", "regex"}[v.Kind] + " " + v.Value
	case ir.EndpointKey:
		return v.Service.String() + ":" + v.Port
	case []contrib.Contribution:
		return contributions(v)
	case ir.Protocol:
		return [...]string{"http1", "h2c", "tls", "h2"}[v]
	case ir.TLSVersion:
		return fmt.Sprintf("%#x", uint16(v))
	}
	return plainValue(reflect.ValueOf(v))
}

// contributions says so where the TLS listener has the routes of the plain-text one.
func contributions(list []contrib.Contribution) []any {
	out := make([]any, 0, len(list))
	for i, c := range list {
		p := plainValue(reflect.ValueOf(c)).(map[string]any)
		same := i > 0 && list[i-1].Key.Hostname == c.Key.Hostname && cmp.Equal(list[i-1].Routes, c.Routes)
		if same && len(c.Routes) > 0 {
			p["Routes"] = "the same"
		}
		out = append(out, p)
	}
	return out
}

func plainValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem().Interface())
	case reflect.Struct:
		out := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				out[v.Type().Field(i).Name] = plain(f.Interface())
			}
		}
		return out
	case reflect.Slice:
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, plain(v.Index(i).Interface()))
		}
		return out
	}
	return v.Interface()
}
