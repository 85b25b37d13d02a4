package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"

	"contour.example/contour/internal/config"
)

// maxFile is how large a configuration file may be.
const maxFile = 1 << 20

// File reads the text of a configuration file. An error joins Problems.
func File(name string, text []byte) (Document, error) {
	d := Document{name: name, file: true, set: map[string]int{}}
	if len(text) > maxFile {
		return d, Problem{Where: name, Message: fmt.Sprintf("The file is larger than %d bytes.", maxFile)}
	}
	r := &reader{doc: &d, keys: map[string]key{}, sections: map[string]bool{}}
	for _, k := range keys() {
		if k.file != "" {
			r.keys[k.file] = k
			for at := strings.LastIndexByte(k.file, '.'); at > 0; at = strings.LastIndexByte(k.file[:at], '.') {
				r.sections[k.file[:at]] = true
			}
		}
	}
	root, err := parse(name, text)
	if err == nil && root != nil {
		r.section("", root)
		err = errors.Join(r.problems...)
	}
	if err != nil && root != nil { // what is wrong with the other values is reported at once
		_, more := d.Apply(config.Default())
		err = errors.Join(err, more)
	}
	return d, err
}

// parse is the one document of a file; nil if it is empty.
func parse(name string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		return nil, nil //nolint:nilnil // an empty file sets nothing
	case err != nil:
		return nil, syntaxProblem(name, err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, Problem{Where: name, Message: "There is more than one document in the file."}
	}
	return root.Content[0], nil
}

// syntaxProblem converts an error of the YAML library, with its line.
func syntaxProblem(name string, err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if m := regexp.MustCompile(`^line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		return Problem{Where: name + ":" + m[1], Message: "The file is not YAML: " + m[2] + "."}
	}
	return Problem{Where: name, Message: "The file is not YAML: " + text + "."}
}

// reader reads one file.
type reader struct {
	doc      *Document
	keys     map[string]key
	sections map[string]bool // paths that keys are below
	problems []error
}

func (r *reader) errorf(n *yaml.Node, key, format string, a ...any) {
	r.problems = append(r.problems, Problem{Where: fmt.Sprintf("%s:%d", r.doc.name, n.Line), Key: key, Message: fmt.Sprintf(format, a...)})
}

// section reads the keys below a path.
func (r *reader) section(path string, n *yaml.Node) {
	n = target(n)
	if n.ShortTag() == "!!null" {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.errorf(n, path, "Keys with values are expected here.")
		return
	}
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+name.Value, ".")
		if first, twice := lines[name.Value]; twice {
			r.errorf(name, at, "The key is there twice, first in line %d.", first)
			continue
		}
		lines[name.Value] = name.Line
		r.entry(at, name, value)
	}
}

func (r *reader) entry(at string, name, value *yaml.Node) {
	k, known := r.keys[at]
	switch {
	case !known && r.sections[at]:
		r.section(at, value)
	case !known:
		r.errorf(name, at, "There is no such key.%s", r.similar(at))
	case target(value).ShortTag() == "!!null": // as if it were not there
	default:
		r.value(k, value)
	}
}

// similar is a sentence about the keys that could be meant by an unknown one: the one with the same letters, or else those of
// its section; "" if there are none, or at the top of the file.
func (r *reader) similar(at string) string {
	section := at[:strings.LastIndexByte(at, '.')+1]
	var inSection []string
	for _, k := range slices.Sorted(maps.Keys(r.keys)) {
		if letters(k) == letters(at) {
			return fmt.Sprintf(" Did you mean %s?", k)
		}
		if section != "" && strings.HasPrefix(k, section) {
			name, _, _ := strings.Cut(k[len(section):], ".")
			inSection = append(inSection, name)
		}
	}
	if len(inSection) == 0 {
		return ""
	}
	return fmt.Sprintf(" The keys of %s are %s.", strings.TrimSuffix(section, "."), strings.Join(slices.Compact(inSection), ", "))
}

// letters is a key without what is often wrong in one: case, hyphens and underscores.
func letters(key string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(key))
}

// value stores the value of a key.
func (r *reader) value(k key, n *yaml.Node) {
	into := reflect.ValueOf(&r.doc.spec).Elem()
	path := k.field
	if k.field == "" {
		into, path = reflect.ValueOf(&r.doc.own).Elem(), k.file
	}
	v, ok := fieldAt(into, path)
	if !ok {
		r.errorf(n, k.file, "There is no such key.")
		return
	}
	if v.Kind() == reflect.Pointer && v.IsNil() {
		v.Set(reflect.New(v.Type().Elem()))
	}
	if message := decode(k, target(n), reflect.Indirect(v)); message != "" {
		if k.file == "server" {
			message = "Delete this section, with its xds-server-type: there is one xDS server."
		}
		r.errorf(n, k.file, "%s", message)
		return
	}
	if !isEmpty(k, reflect.Indirect(v)) {
		r.doc.set[path] = n.Line
	}
}

// isEmpty reports whether a value sets nothing, as in Contour: an empty text, list, map or name of an object.
func isEmpty(k key, v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Slice, reflect.Map:
		return v.Len() == 0
	default:
		return k.named && v.IsZero()
	}
}

// decode reads a value strictly. message is a sentence about an error, "" if there is none.
func decode(k key, n *yaml.Node, into reflect.Value) (message string) {
	if k.named {
		return decodeName(n, into)
	}
	if hasNoStructs(into.Type()) {
		if n.Decode(into.Addr().Interface()) != nil {
			return "The value is not " + expected(into.Type()) + "."
		}
		return ""
	}
	text, err := yaml.Marshal(n)
	if err == nil {
		text, err = kyaml.YAMLToJSONStrict(text)
	}
	if err == nil {
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		err = strict.Decode(into.Addr().Interface())
	}
	if err != nil {
		return "The value is not understood: " + strings.TrimPrefix(err.Error(), "json: ") + "."
	}
	return ""
}

// decodeName reads namespace/name into fields of these names.
func decodeName(n *yaml.Node, into reflect.Value) (message string) {
	namespace, name, ok := strings.Cut(n.Value, "/")
	if n.Kind == yaml.ScalarNode && n.Value == "" {
		return ""
	}
	if n.Kind != yaml.ScalarNode || !ok || namespace == "" || name == "" || strings.Contains(name, "/") {
		return "The value is not a namespace and a name with a slash between."
	}
	into.FieldByName("Namespace").SetString(namespace)
	into.FieldByName("Name").SetString(name)
	return ""
}

// hasNoStructs reports whether both libraries read the type in the same way: there are no structs in it.
func hasNoStructs(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice, reflect.Map, reflect.Pointer:
		return hasNoStructs(t.Elem())
	default:
		return true
	}
}

// expected describes a type in messages.
func expected(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int32:
		return "a whole number"
	case reflect.Uint32:
		return "a whole number that is not negative"
	case reflect.Float32:
		return "a number"
	case reflect.String:
		return "a text"
	case reflect.Slice:
		return "a list"
	default:
		return "a set of keys with values"
	}
}

// target is the node that an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
