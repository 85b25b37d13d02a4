package dir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/similar"
	"contour.example/contour/internal/store"
)

// decode returns the objects of a manifest, nil and a problem if the manifest is invalid. An unknown field is a problem. It
// makes the manifest of a kind that claims hosts invalid: without the field, such as a condition with a mistake in its name,
// the object might serve more than its author specified.
func decode(d *kind.Descriptor, key kobj.Key, data []byte) ([]store.Change, []kind.Problem) {
	data = d.Manifest.Fill(data)
	if d.Manifest.Check != nil {
		if problems := d.Manifest.Check(data); len(problems) > 0 {
			return nil, problems
		}
	}
	o := d.New()
	strict, err := kjson.UnmarshalStrict(data, o)
	if err != nil {
		return nil, []kind.Problem{typeProblem(data, err)}
	}
	problems, refused := strictProblems(d, strict)
	if refused {
		return nil, problems
	}
	o.SetNamespace(key.Namespace)
	if d.Manifest.Complete != nil {
		more, ok := d.Manifest.Complete(o)
		problems = append(problems, more...)
		if !ok {
			return nil, problems
		}
	}
	return changes(d, o), problems
}

// changes returns the object, or the objects that replace it; never nil.
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

// maxStrict is the largest number of errors that strict decoding returns.
const maxStrict = 100

// strictProblems returns the problems that strict decoding found, and whether they make the manifest invalid.
func strictProblems(d *kind.Descriptor, errs []error) (problems []kind.Problem, refused bool) {
	refused = len(errs) >= maxStrict && !d.Claims.None()
	for _, err := range errs {
		p := kind.Problem{Message: "The object does not match its kind: " + oneLine(err) + "."}
		if at, ok := errors.AsType[kjson.FieldError](err); ok {
			p.Field, p.Message = at.FieldPath(), "The field is unknown and ignored."
			if needed(d, p.Field) {
				refused, p.Message = true, "The field is unknown; the object is not loaded."
			}
			p.Message += meant(similarField(reflect.TypeOf(d.New()), p.Field))
			if strings.HasPrefix(err.Error(), "duplicate") {
				p.Message = "The field is duplicated; the last value is used."
			}
		}
		problems = append(problems, p)
	}
	return problems, refused
}

// meant is a sentence about the name that may be meant; "" if there is none.
func meant(name string) string {
	if name == "" {
		return ""
	}
	return " Did you mean " + name + "?"
}

// typos is how many letters of a name may be wrong for a suggestion.
func typos(name string) int { return min(len(name)/2, 2) }

// similarField returns the field of a type that is most similar to an unknown one at a path; "" if there is none.
func similarField(of reflect.Type, path string) string {
	names := steps(path)
	for _, name := range names[:len(names)-1] {
		if _, err := strconv.Atoi(name); err == nil {
			continue // the type of the elements
		}
		next, ok := fieldsOf(of)[name]
		if !ok {
			return ""
		}
		of = next
	}
	last := names[len(names)-1]
	return similar.Best(last, maps.Keys(fieldsOf(of)), typos(last))
}

// fieldsOf returns the fields of a struct, of a pointer to one or of a list of them, by their names in JSON.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	out := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" && name != "-" {
			out[name] = f.Type
		}
	}
	return out
}

// needed reports whether an object of the kind may have another meaning without an unknown field.
func needed(d *kind.Descriptor, field string) bool {
	return !d.Claims.None() && field != "status" && !strings.HasPrefix(field, "status.")
}

// typeProblem returns the problem of a field with the wrong type.
func typeProblem(data []byte, err error) kind.Problem {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return kind.Problem{Message: "The object cannot be decoded: " + oneLine(err) + "."}
	}
	return kind.Problem{
		Field:   fieldAt(data, wrong.Offset),
		Message: fmt.Sprintf("Expected %s, found %s; the object is not loaded.", expected(wrong.Type), found(wrong.Value)),
	}
}

// found describes the value of a decoding error.
func found(value string) string {
	switch value = shorten(value); {
	case value == "array":
		return "a list"
	case value == "object":
		return "an object"
	case value == "bool":
		return "true or false" // in YAML also y, n, yes, no, on and off
	case strings.HasPrefix(value, "number "):
		return "the " + value
	}
	return "a " + value
}

// expected describes the values of a type.
func expected(t reflect.Type) string {
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

// fieldAt returns the path of the JSON value that ends at an offset, or begins there if it is a list or object.
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

// level is an open list or object, and the position in it.
type level struct {
	list  bool
	index int
	name  string
	value bool // the name has been read, its value is next
}

// enter processes the next token and reports whether it is the name of a field.
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
