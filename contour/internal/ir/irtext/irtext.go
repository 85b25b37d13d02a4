// Package irtext converts the routing model to text, for the debug pages and the goldens.
//
// The input is values of package ir, the output YAML: fields in lower camel case, names instead of numbers, a match or a
// header on one line, no zero values. The text is for reading and comparison, and is not parsed.
package irtext

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/ir"
)

// Marshal returns the text form of a value of the model.
func Marshal(v any) ([]byte, error) { return yaml.Marshal(toYAML(reflect.ValueOf(v))) }

// Hosts returns the text form of virtual hosts, ordered by listener and hostname. A host that is not served is null.
func Hosts(hosts map[ir.HostKey]*ir.VirtualHost) ([]byte, error) {
	out := map[string]any{}
	for k, v := range hosts {
		out[HostName(k)] = hostToYAML(v)
	}
	return yaml.Marshal(out)
}

// Host returns the text form of one virtual host. That of several, one after the other, is the text form of Hosts.
func Host(name string, v *ir.VirtualHost) ([]byte, error) {
	return yaml.Marshal(map[string]any{name: hostToYAML(v)})
}

// HostName returns the name of a host in the text form: its listener and its hostname.
func HostName(k ir.HostKey) string { return listenerName(k.Listener) + " " + k.Hostname }

func hostToYAML(v *ir.VirtualHost) any {
	if v == nil {
		return nil
	}
	fields := toYAML(reflect.ValueOf(*v)).(map[string]any)
	delete(fields, "key")
	return fields
}

// listenerName returns the name of a listener, with its fleet unless that is the default one.
func listenerName(k ir.ListenerKey) string {
	if k.Fleet == ir.DefaultFleet {
		return k.Name
	}
	return string(k.Fleet) + "/" + k.Name
}

// toYAML converts a value of the model to a value that YAML can represent: names instead of numbers, no zero values.
func toYAML(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case fmt.Stringer:
		if v.Kind() != reflect.Pointer {
			return x.String()
		}
	case ir.PathMatch:
		return pathText(x)
	case ir.HeaderMatch:
		return headerText(x)
	case ir.QueryMatch:
		return comparison(x.Name, x.Kind, x.Value, flag(x.IgnoreCase, "ignoring case"))
	case ir.Header:
		return x.Name + ": " + x.Value + flag(x.Append, "appended")
	case ir.EndpointKey:
		return strings.TrimSuffix(x.Service.String()+"/"+x.Port, "/")
	case ir.ListenerKey:
		return listenerName(x)
	case ir.TLSVersion:
		return map[ir.TLSVersion]string{ir.TLS12: "1.2", ir.TLS13: "1.3"}[x]
	case ir.ClientCertificates:
		return named(x, "none", "optional", "required")
	case ir.Timeout:
		return timeoutText(x)
	case ir.List:
		return x.Items()
	case ir.Interned[ir.Tuning]:
		return toYAML(reflect.ValueOf(x.Value()))
	}
	if name, ok := enumerated(v.Interface()); ok {
		return name
	}
	return kindToYAML(v)
}

// enumerated returns the name of an enumerated value; false if it is none.
func enumerated(v any) (string, bool) {
	switch x := v.(type) {
	case ir.ListenerProtocol:
		return named(x, "HTTP", "HTTPS", "TLS", "TCP", "UDP"), true
	case ir.Protocol:
		return named(x, "http1", "h2c", "tls", "h2"), true
	case ir.Balancing:
		return named(x, "round robin", "random", "least request", "hash"), true
	case ir.HealthKind:
		return named(x, "none", "http", "tcp"), true
	case ir.CrossScheme:
		return named(x, "never", "safe", "always"), true
	case ir.Switch:
		return named(x, "unchanged", "on", "off"), true
	}
	return "", false
}

func kindToYAML(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return toYAML(v.Elem())
	case reflect.Struct:
		fields := map[string]any{}
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() && f.Type() != reflect.TypeFor[ir.Source]() { // which is for programs
				fields[lowerFirst(v.Type().Field(i).Name)] = toYAML(f)
			}
		}
		return fields
	case reflect.Slice:
		out := make([]any, 0, v.Len())
		for i := range v.Len() {
			out = append(out, toYAML(v.Index(i)))
		}
		return out
	default:
		return v.Interface()
	}
}

// lowerFirst returns the name of a field in lower camel case; a leading abbreviation is lower case as a whole.
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

// named returns the name of an enumerated value, or its number if it has none.
func named[N ~uint8](value N, names ...string) string {
	if int(value) < len(names) {
		return names[value]
	}
	return strconv.Itoa(int(value))
}

func pathText(p ir.PathMatch) string {
	return named(p.Kind, "prefix", "segments", "exact", "regex", "method") + " " + p.Value
}

func headerText(h ir.HeaderMatch) string {
	return comparison(h.Name, h.Kind, h.Value, flag(h.Invert, "inverted")+flag(h.IgnoreCase, "ignoring case")+flag(h.MissingAsEmpty, "missing as empty"))
}

func comparison(name string, kind ir.StringKind, value, flags string) string {
	text := name + " " + named(kind, "exact", "prefix", "suffix", "contains", "regex", "present")
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

// Match returns the text of a match in one line.
func Match(m *ir.Match) string {
	parts := []string{pathText(m.Path)}
	for _, h := range m.Headers {
		parts = append(parts, "header "+headerText(h))
	}
	for _, q := range m.Query {
		parts = append(parts, "query "+comparison(q.Name, q.Kind, q.Value, flag(q.IgnoreCase, "ignoring case")))
	}
	return strings.Join(parts, "; ")
}
