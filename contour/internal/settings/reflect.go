package settings

import (
	"reflect"
	"strings"
)

// fieldAt is the field of v, a struct, at a path of names in JSON; the structs on the way are made.
func fieldAt(v reflect.Value, path string) (reflect.Value, bool) {
	for name := range strings.SplitSeq(path, ".") {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return v, false
		}
		index, ok := indexOf(v.Type(), name)
		if !ok {
			return v, false
		}
		v = v.FieldByIndex(index)
	}
	return v, true
}

// indexOf finds the field with a name in JSON, in embedded structs too.
func indexOf(t reflect.Type, name string) ([]int, bool) {
	for _, f := range reflect.VisibleFields(t) {
		if n, _, _ := strings.Cut(f.Tag.Get("json"), ","); n == name && name != "" {
			return f.Index, true
		}
	}
	return nil, false
}

// visitSet calls f with the path of each field of v that is set, down to those that are no structs, and of each struct that is
// present and empty.
func visitSet(v reflect.Value, path string, f func(path string)) {
	if v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct && !v.IsNil() {
		if v = v.Elem(); v.IsZero() {
			f(path)
			return
		}
	}
	if v.Kind() != reflect.Struct {
		if !v.IsZero() {
			f(path)
		}
		return
	}
	for _, field := range reflect.VisibleFields(v.Type()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" {
			visitSet(v.FieldByIndex(field.Index), strings.TrimPrefix(path+"."+name, "."), f)
		}
	}
}
