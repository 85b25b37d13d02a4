package kind

import (
	"bytes"
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/kobj"
)

// Manifest says how an object is read from a manifest, where no API server checks it and fills in defaults.
type Manifest struct {
	// Defaults are filled into the JSON before it is decoded.
	Defaults []Default
	// Check finds mistakes in the JSON that decoding does not name. An object with one is refused.
	Check func(data []byte) []Fault
	// Complete fills into the decoded object what the API server would. ok is false if the object is refused.
	Complete func(metav1.Object) (faults []Fault, ok bool)
	// Expand returns the objects that an object of the kind stands for, in its place; nil: it stands for itself.
	Expand func(metav1.Object) []Expanded
}

// Expanded is an object that another one stands for.
type Expanded struct {
	Kind   kobj.Kind
	Object metav1.Object
}

// Fault is something wrong with a manifest.
type Fault struct{ Field, Message string }

// Default is a default of a field of the objects at a path. [] stands for all items of a list.
type Default struct {
	At, Field string
	Value     any
}

// Fill fills the defaults into JSON. What is not an object is returned as it is.
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
		if _, there := object[d.Field]; !there {
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

func completes[T metav1.Object](complete func(T) ([]Fault, bool)) func(metav1.Object) ([]Fault, bool) {
	return func(o metav1.Object) ([]Fault, bool) {
		if t, ok := o.(T); ok {
			return complete(t)
		}
		return nil, true
	}
}
