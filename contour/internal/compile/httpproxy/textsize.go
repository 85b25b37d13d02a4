package httpproxy

import "reflect"

// textSize is about how many bytes a value takes: its texts, and some for each number, element and field that is set.
func textSize(v reflect.Value) int {
	const fixed = 8
	switch v.Kind() {
	case reflect.String:
		return v.Len()
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return fixed + textSize(v.Elem())
	case reflect.Slice, reflect.Array:
		n := fixed * v.Len()
		for i := range v.Len() {
			n += textSize(v.Index(i))
		}
		return n
	case reflect.Map:
		n := fixed * v.Len()
		for e := v.MapRange(); e.Next(); {
			n += textSize(e.Key()) + textSize(e.Value())
		}
		return n
	case reflect.Struct:
		n := 0
		for i := range v.NumField() {
			n += textSize(v.Field(i))
		}
		return n
	default:
		return 1
	}
}
