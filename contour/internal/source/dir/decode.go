package dir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// decode makes the objects that a manifest stands for; none if it is refused, and then there is a fault.
// An unknown field is a fault, and the object is taken without it.
func decode(d *kind.Descriptor, key kobj.Key, data []byte) ([]store.Change, []kind.Fault) {
	data = d.Manifest.Fill(data)
	if d.Manifest.Check != nil {
		if faults := d.Manifest.Check(data); len(faults) > 0 {
			return nil, faults
		}
	}
	o := d.New()
	strict, err := kjson.UnmarshalStrict(data, o)
	if err != nil {
		return nil, []kind.Fault{typeFault(data, err)}
	}
	faults := strictFaults(strict)
	o.SetNamespace(key.Namespace)
	if d.Manifest.Complete != nil {
		more, ok := d.Manifest.Complete(o)
		faults = append(faults, more...)
		if !ok {
			return nil, faults
		}
	}
	return changes(d, o), faults
}

// changes are the objects that one stands for, never nil.
func changes(d *kind.Descriptor, o kind.Object) []store.Change {
	if d.Manifest.Expand == nil {
		return []store.Change{change(d.Kind, o)}
	}
	out := []store.Change{}
	for _, e := range d.Manifest.Expand(o) {
		out = append(out, change(e.Kind, e.Object))
	}
	return out
}

func strictFaults(errs []error) []kind.Fault {
	var faults []kind.Fault
	for _, err := range errs {
		f := kind.Fault{Message: "The object is not as its kind has it: " + oneLine(err) + "."}
		if at, ok := errors.AsType[kjson.FieldError](err); ok {
			f.Field, f.Message = at.FieldPath(), "There is no such field; it is ignored."
			if strings.HasPrefix(err.Error(), "duplicate") {
				f.Message = "The field is there twice; the last one counts."
			}
		}
		faults = append(faults, f)
	}
	return faults
}

// typeFault says which field has the wrong type.
func typeFault(data []byte, err error) kind.Fault {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return kind.Fault{Message: "The object cannot be read: " + oneLine(err) + "."}
	}
	return kind.Fault{
		Field:   fieldAt(data, wrong.Offset),
		Message: fmt.Sprintf("Found %s where %s belongs; the object is not taken.", article(wrong.Value), wanted(wrong.Type)),
	}
}

func article(value string) string {
	switch value = cut(value); {
	case value == "array":
		return "a list"
	case value == "object":
		return "an object"
	case value == "bool":
		return "true or false" // which YAML takes y, n, yes, no, on and off for
	case strings.HasPrefix(value, "number "):
		return "the " + value
	}
	return "a " + value
}

// wanted is a type in the words of manifests.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map, reflect.Pointer, reflect.Interface:
		return "an object"
	case reflect.Int32, reflect.Uint32, reflect.Int16, reflect.Uint16:
		return "a whole number of at most " + strconv.Itoa(t.Bits()) + " bits"
	default:
		return "a number"
	}
}

// fieldAt is the path of the JSON value that ends at an offset, or begins there if it is a list or object.
func fieldAt(data []byte, offset int64) string {
	tokens := json.NewDecoder(bytes.NewReader(data))
	var path []level
	for {
		t, err := tokens.Token()
		if err != nil {
			return ""
		}
		closes := t == json.Delim('}') || t == json.Delim(']')
		if closes {
			path = path[:len(path)-1]
		}
		named := !closes && len(path) > 0 && path[len(path)-1].enter(t)
		if !named && !closes && tokens.InputOffset() >= offset {
			return fieldPath(path)
		}
		if t == json.Delim('{') || t == json.Delim('[') {
			path = append(path, level{list: t == json.Delim('['), index: -1})
		}
	}
}

// level is an open list or object, and where in it we are.
type level struct {
	list  bool
	index int
	name  string
	value bool // the name has been read, its value comes next
}

// enter moves on to the next token and reports whether it is the name of a field.
func (l *level) enter(t json.Token) bool {
	if l.list {
		l.index++
		return false
	}
	l.value = !l.value
	if l.value {
		l.name, _ = t.(string)
	}
	return l.value
}

func fieldPath(path []level) string {
	var b strings.Builder
	for _, l := range path {
		switch {
		case l.list:
			fmt.Fprintf(&b, "[%d]", l.index)
		case strings.ContainsAny(l.name, ".["):
			fmt.Fprintf(&b, "[%s]", l.name)
		case b.Len() > 0:
			b.WriteString("." + l.name)
		default:
			b.WriteString(l.name)
		}
	}
	return b.String()
}

func change(k kobj.Kind, o metav1.Object) store.Change {
	return store.Change{Key: kobj.Of(k, o.GetNamespace(), o.GetName()), Object: o}
}
