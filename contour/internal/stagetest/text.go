package stagetest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/status"
)

// IR is the text form of virtual hosts, ordered by listener and name.
func IR(hosts map[ir.HostKey]*ir.VirtualHost) ([]byte, error) {
	out := map[string]any{}
	for k, v := range hosts {
		name := k.Listener.Name + " " + k.Hostname
		out[name] = nil
		if v != nil {
			fields := plain(reflect.ValueOf(*v)).(map[string]any)
			delete(fields, "key")
			out[name] = fields
		}
	}
	return yaml.Marshal(out)
}

// Line is the text form of a diagnostic.
type Line struct {
	Severity string        `json:"severity"`
	Type     report.Type   `json:"type"`
	Reason   report.Reason `json:"reason"`
	Field    string        `json:"field,omitempty"`
	Message  string        `json:"message"`
}

// Said is the text form of what is told about an object.
type Said struct {
	Status      string `json:"status,omitempty"` // of an HTTPProxy
	Diagnostics []Line `json:"diagnostics,omitempty"`
}

// Report is the text form of what is said about objects; objects of other controllers are null.
func Report(statuses map[kobj.Key]*status.Desired) ([]byte, error) {
	out := map[string]*Said{}
	for k, d := range statuses {
		out[k.String()] = said(d)
	}
	return yaml.Marshal(out)
}

func said(d *status.Desired) *Said {
	if d == nil {
		return nil
	}
	s := &Said{}
	if d.HTTPProxy() != nil {
		s.Status = d.HTTPProxy().CurrentStatus
	}
	for _, x := range d.Diagnostics {
		s.Diagnostics = append(s.Diagnostics, Line{
			Severity: x.Severity.String(), Type: x.Type, Reason: x.Reason, Field: x.Field, Message: x.Message,
		})
	}
	return s
}

// plain turns a value of the model into what YAML can hold: words instead of numbers, nothing that is zero.
func plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer {
			return x.String()
		}
	case ir.PathMatch:
		return [...]string{"prefix ", "segments ", "exact ", "regex "}[x.Kind] + x.Value
	case ir.HeaderMatch:
		return headerText(x)
	case ir.QueryMatch:
		return comparison(x.Name, x.Kind, x.Value, flag(x.IgnoreCase, "ignoring case"))
	case ir.Header:
		return x.Name + ": " + x.Value
	case ir.EndpointKey:
		return strings.TrimSuffix(x.Service.String()+"/"+x.Port, "/")
	case ir.Protocol:
		return [...]string{"http1", "h2c", "tls", "h2"}[x]
	case ir.TLSVersion:
		return map[ir.TLSVersion]string{ir.TLS12: "1.2", ir.TLS13: "1.3"}[x]
	case ir.Timeout:
		return timeoutText(x)
	}
	return plainKind(v)
}

func plainKind(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return plain(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				fields[lowerFirst(v.Type().Field(i).Name)] = plain(f)
			}
		}
		return fields
	case reflect.Slice:
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, plain(v.Index(i)))
		}
		return out
	default:
		return v.Interface()
	}
}

// lowerFirst is a field's name in lower camel case; a leading abbreviation is lower case as a whole.
func lowerFirst(name string) string {
	r := []rune(name)
	for i := range r {
		if i > 0 && i+1 < len(r) && unicode.IsLower(r[i+1]) {
			break
		}
		if !unicode.IsUpper(r[i]) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}

func headerText(h ir.HeaderMatch) string {
	return comparison(h.Name, h.Kind, h.Value, flag(h.Invert, "inverted")+flag(h.IgnoreCase, "ignoring case")+flag(h.MissingAsEmpty, "missing as empty"))
}

func comparison(name string, kind ir.StringKind, value, flags string) string {
	text := name + " " + [...]string{"exact", "prefix", "suffix", "contains", "regex", "present"}[kind]
	if kind != ir.StringPresent {
		text += " " + value
	}
	return text + flags
}

func flag(on bool, text string) string {
	if on {
		return ", " + text
	}
	return ""
}

func timeoutText(t ir.Timeout) string {
	if t.Disabled {
		return "none"
	}
	return t.Duration.String()
}

// Reasons are the distinct reasons in the text form of a report.
func Reasons(text []byte) ([]report.Reason, error) {
	var objects map[string]*Said
	if err := yaml.Unmarshal(text, &objects); err != nil {
		return nil, err
	}
	var out []report.Reason
	for _, s := range objects {
		if s == nil {
			continue
		}
		for _, l := range s.Diagnostics {
			out = append(out, l.Reason)
		}
	}
	slices.SortFunc(out, cmp.Compare[report.Reason])
	return slices.Compact(out), nil
}
