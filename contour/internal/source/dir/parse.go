package dir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// maxListDepth is how far a List may be within a List.
const maxListDepth = 4

// parse reads the text of a file.
func parse(path string, text []byte) *file {
	p := parser{file: &file{path: path, text: text, sound: true}, kinds: kind.All()}
	docs := split(text)
	if filepath.Ext(path) == ".json" {
		docs = p.splitJSON(text)
	}
	for _, d := range docs {
		p.document(d)
	}
	return p.file
}

// parser gathers what the documents of a file say.
type parser struct {
	file  *file
	kinds kind.List
}

func (p *parser) problem(x Problem) {
	x.File = p.file.path
	if len(p.file.problems) < maxProblems {
		p.file.problems = append(p.file.problems, x)
	}
}

// broken notes something that makes it impossible to know which objects the file has.
func (p *parser) broken(line int, format string, args ...any) {
	p.file.sound = false
	p.problem(Problem{Line: line, Message: fmt.Sprintf(format, args...)})
}

// splitJSON cuts a stream of JSON values.
func (p *parser) splitJSON(text []byte) []*document {
	var docs []*document
	values := json.NewDecoder(bytes.NewReader(text))
	for values.More() {
		var raw json.RawMessage
		if err := values.Decode(&raw); err != nil {
			at := values.InputOffset()
			if _, offset := kjson.SyntaxErrorOffset(err); offset > 0 {
				at = min(offset, int64(len(text)))
			}
			p.broken(1+bytes.Count(text[:at], []byte("\n")), "The file is not JSON: %s.", err)
			return docs
		}
		start := values.InputOffset() - int64(len(raw))
		docs = append(docs, &document{text: raw, json: true, lines: bytes.Count(text[:start], []byte("\n"))})
	}
	return docs
}

func (p *parser) document(d *document) {
	data, twice, err := d.value()
	if err != nil {
		p.syntax(d, err)
		return
	}
	for _, r := range twice {
		p.problem(Problem{Line: r.line, Field: r.field, Message: "The field is there twice; the object is not taken."})
	}
	if len(twice) > 0 {
		p.refuseAll(d, data)
		return
	}
	p.value(d, "", data, 0)
}

// syntax notes that a document is not YAML, with the line that the error names.
func (p *parser) syntax(d *document, err error) {
	line, text := d.lines+1, strings.TrimPrefix(oneLine(err), "yaml: ")
	if m := regexp.MustCompile(`line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line, text = d.lines+n, m[2]
		}
	}
	p.broken(line, "The document is not YAML: %s.", text)
}

func oneLine(err error) string { return cut(strings.Join(strings.Fields(err.Error()), " ")) }

// cut shortens what is repeated to users.
func cut(text string) string {
	const limit = 200
	runes := 0
	for i := range text {
		if runes == limit {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}

// refuseAll refuses the objects of a document that has fields twice: one knows which they are, not what.
func (p *parser) refuseAll(d *document, data []byte) {
	refused := parser{file: &file{path: p.file.path, sound: true}, kinds: p.kinds}
	refused.value(d, "", data, 0)
	for _, e := range refused.file.entries {
		e.objects, e.refused = nil, true
		p.file.entries = append(p.file.entries, e)
	}
	p.file.sound = p.file.sound && refused.file.sound
}

// head is what says which object a value is; of any type, so that a wrong one can be told.
type head struct {
	APIVersion any `json:"apiVersion"`
	Kind       any `json:"kind"`
	Metadata   any `json:"metadata"`
	Items      any `json:"items"`
}

// value reads an object, or the objects of a List, that stands at a path within a document.
func (p *parser) value(d *document, at string, data []byte, depth int) {
	if string(data) == "null" {
		return
	}
	var h head
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &h); err != nil {
		p.broken(d.line(at), "There is no object here.")
		return
	}
	version, name := text(h.APIVersion), text(h.Kind)
	switch {
	case version == "" || name == "":
		p.broken(d.line(at), "The object has no apiVersion or no kind.")
	case version == "v1" && name == "List":
		p.list(d, at, data, depth)
	default:
		p.object(d, at, data, version, name, h.Metadata)
	}
}

func (p *parser) list(d *document, at string, data []byte, depth int) {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	switch err := kjson.UnmarshalCaseSensitivePreserveInts(data, &list); {
	case err != nil:
		p.broken(d.line(join(at, "items")), "The items of the List are not a list.")
	case depth >= maxListDepth:
		p.broken(d.line(at), "The List is within more than %d Lists.", maxListDepth)
	default:
		for i, item := range list.Items {
			p.value(d, join(at, fmt.Sprintf("items[%d]", i)), item, depth+1)
		}
	}
}

func (p *parser) object(d *document, at string, data []byte, version, name string, metadata any) {
	k, why := kindOf(p.kinds, version, name)
	if why != "" {
		p.problem(Problem{Line: d.line(join(at, "kind")), Field: "kind", Message: why})
	}
	if k == nil {
		return
	}
	e := &entry{path: p.file.path, doc: d, at: at}
	if e.key, why = keyOf(k, metadata); why != "" {
		p.broken(e.line("metadata"), "%s", why)
		return
	}
	p.file.entries = append(p.file.entries, e)
	objects, faults := decode(k, e.key, data)
	for _, f := range faults {
		p.problem(Problem{Line: e.line(f.Field), Object: e.key, Field: f.Field, Message: f.Message})
	}
	e.objects, e.refused = objects, objects == nil
}

// keyOf is the key that an object's metadata gives it, or why it has none.
func keyOf(d *kind.Descriptor, metadata any) (kobj.Key, string) {
	m, _ := metadata.(map[string]any)
	name, namespace := text(m["name"]), text(m["namespace"])
	switch {
	case d.ClusterScoped:
		namespace = ""
	case namespace == "":
		namespace = "default"
	}
	switch {
	case name == "":
		return kobj.Key{}, "The object has no name."
	case len(validation.IsDNS1123Subdomain(name)) > 0:
		return kobj.Key{}, fmt.Sprintf("The name %q is not one that an object can have.", cut(name))
	case !d.ClusterScoped && len(validation.IsDNS1123Label(namespace)) > 0:
		return kobj.Key{}, fmt.Sprintf("The namespace %q is not one that can exist.", cut(namespace))
	}
	return kobj.Of(d.Kind, namespace, name), ""
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
