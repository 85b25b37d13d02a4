package kind

import (
	"bytes"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
)

// Manifest defines how an object is read from a manifest, which no API server has validated and defaulted.
type Manifest struct {
	// Defaults are set in the JSON before it is decoded.
	Defaults []Default
	// Check returns errors in the JSON that the decoder does not locate. An object with such an error is invalid.
	Check func(data []byte) []Problem
	// Complete sets fields of the decoded object as the API server does. ok is false if the object is invalid.
	Complete func(metav1.Object) (problems []Problem, ok bool)
	// Expand returns the objects that replace an object of the kind; nil: the object itself.
	Expand func(metav1.Object) []Expanded
}

// Expanded is an object that replaces another one.
type Expanded struct {
	Kind   kobj.Kind
	Object metav1.Object
}

// Problem is an error in a manifest.
type Problem struct{ Field, Message string }

// Default is the default of a field of the objects at a path. [] denotes all items of a list.
type Default struct {
	At, Field string
	Value     any
}

// Fill sets the defaults in JSON. It returns a value that is not an object unchanged.
func (m *Manifest) Fill(data []byte) []byte {
	if len(m.Defaults) == 0 {
		return data
	}
	var object map[string]any
	numbers := json.NewDecoder(bytes.NewReader(data))
	numbers.UseNumber()
	if numbers.Decode(&object) != nil {
		return data
	}
	for _, d := range m.Defaults {
		fill(object, strings.Split(d.At, "."), d)
	}
	filled, err := json.Marshal(object)
	if err != nil {
		return data
	}
	return filled
}

func fill(at any, path []string, d Default) {
	object, ok := at.(map[string]any)
	if !ok {
		return
	}
	if len(path) == 0 {
		if _, ok := object[d.Field]; !ok {
			object[d.Field] = d.Value
		}
		return
	}
	name, isList := strings.CutSuffix(path[0], "[]")
	if !isList {
		fill(object[name], path[1:], d)
		return
	}
	items, _ := object[name].([]any)
	for _, item := range items {
		fill(item, path[1:], d)
	}
}

func completes[T metav1.Object](complete func(T) ([]Problem, bool)) func(metav1.Object) ([]Problem, bool) {
	return func(o metav1.Object) ([]Problem, bool) {
		if t, ok := o.(T); ok {
			return complete(t)
		}
		return nil, true
	}
}
