package httpproxy

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// render writes a value as YAML: fields in the order of their struct, zero values left out, names for numbers.
func render(v any) string {
	var b strings.Builder
	writeValue(&b, reflect.ValueOf(v), "")
	return b.String()
}

func writeValue(b *strings.Builder, v reflect.Value, indent string) {
	if s, ok := scalar(v); ok {
		b.WriteString(" " + s + "\n")
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		writeValue(b, v.Elem(), indent)
	case reflect.Slice:
		b.WriteString("\n")
		for i := range v.Len() {
			writeItem(b, v.Index(i), indent)
		}
	case reflect.Struct:
		b.WriteString("\n")
		for i := range v.NumField() {
			if f := v.Field(i); !f.IsZero() {
				b.WriteString(indent + lowerFirst(v.Type().Field(i).Name) + ":")
				writeValue(b, f, indent+"  ")
			}
		}
	default:
		panic("cannot render " + v.Type().String())
	}
}

// writeItem writes an element of a list; the first field of a struct stands beside the dash.
func writeItem(b *strings.Builder, v reflect.Value, indent string) {
	var item strings.Builder
	writeValue(&item, v, indent+"  ")
	text := strings.TrimPrefix(item.String(), "\n")
	text = strings.TrimPrefix(text, indent+"  ")
	b.WriteString(indent + "- " + strings.TrimPrefix(text, " "))
}

func lowerFirst(s string) string {
	if strings.ToUpper(s) == s {
		return strings.ToLower(s)
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// scalar is the text of a value that stands on one line.
func scalar(v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case kobj.Key, kobj.Name, report.Severity, time.Duration:
		return fmt.Sprint(x), true
	case time.Time:
		return x.UTC().Format(time.RFC3339), true
	case ir.HostKey:
		return fmt.Sprintf("%s/%s/%s", x.Listener.Fleet, x.Listener.Name, plainText(x.Hostname)), true
	case ir.EndpointKey:
		return strings.TrimSuffix(fmt.Sprintf("%s/%s", x.Service, x.Port), "/"), true
	case ir.PathKind:
		return [...]string{"prefix", "segment", "exact", "regex"}[x], true
	case ir.StringKind:
		return [...]string{"exact", "prefix", "suffix", "contains", "regex", "present"}[x], true
	case ir.Protocol:
		return [...]string{"http1", "h2c", "tls", "h2"}[x], true
	case ir.TLSVersion:
		return map[ir.TLSVersion]string{ir.TLS12: "1.2", ir.TLS13: "1.3"}[x], true
	case ir.Timeout:
		if x.Disabled {
			return "infinity", true
		}
		return x.Duration.String(), true
	case ir.PathMatch:
		return scalarOf(x.Kind) + " " + plainText(x.Value), true
	}
	switch v.Kind() {
	case reflect.String:
		return plainText(v.String()), true
	case reflect.Bool, reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprint(v.Interface()), true
	}
	return "", false
}

func scalarOf(v any) string {
	s, _ := scalar(reflect.ValueOf(v))
	return s
}

// plainText quotes what YAML would not take as it is.
func plainText(s string) string {
	if regexp.MustCompile(`^[A-Za-z/][A-Za-z0-9/._ ()|,;\[\]-]*$`).MatchString(s) && !strings.HasSuffix(s, " ") {
		return s
	}
	return strconv.Quote(s)
}
