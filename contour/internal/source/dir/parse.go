package dir

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	kjson "sigs.k8s.io/json"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
)

// maxListDepth is the number of Lists in which a List may be nested.
const maxListDepth = 4

// parse parses the text of a file.
func parse(path string, text []byte) *file {
	p := parser{file: &file{path: path, text: text, wellFormed: true}, kinds: kind.All()}
	docs := split(text)
	if filepath.Ext(path) == ".json" {
		docs = p.splitJSON(text)
	}
	for _, d := range docs {
		p.document(d)
	}
	return p.file
}

// parser collects the entries and problems of a file.
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

// malformed adds a problem because of which the objects of the file are unknown.
func (p *parser) malformed(line int, format string, args ...any) {
	p.file.wellFormed = false
	p.problem(Problem{Line: line, Message: fmt.Sprintf(format, args...)})
}

// splitJSON splits a stream of JSON values.
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
			p.malformed(1+bytes.Count(text[:at], []byte("\n")), "The file is not JSON: %s.", err)
			return docs
		}
		start := values.InputOffset() - int64(len(raw))
		docs = append(docs, &document{text: raw, json: true, lines: bytes.Count(text[:start], []byte("\n"))})
	}
	return docs
}

func (p *parser) document(d *document) {
	data, duplicates, err := d.value()
	if err != nil {
		p.syntax(d, err)
		return
	}
	for _, f := range duplicates {
		p.problem(Problem{Line: f.line, Field: f.field, Message: "The field is duplicated; the object is not loaded."})
	}
	if len(duplicates) > 0 {
		p.invalidate(d, data)
		return
	}
	p.value(d, "", data, 0)
}

// syntax adds the problem that a document is not YAML, with the line of the error.
func (p *parser) syntax(d *document, err error) {
	line, text := d.lines+1, strings.TrimPrefix(oneLine(err), "yaml: ")
	if m := regexp.MustCompile(`line (\d+): (.*)$`).FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line, text = d.lines+n, m[2]
		}
	}
	if bytes.Contains(d.text, []byte("{{")) {
		p.malformed(line, "The document is not YAML but seems to be a template: render it first, as helm template does.")
		return
	}
	p.malformed(line, "The document is not YAML: %s.", text)
}

func oneLine(err error) string { return shorten(strings.Join(strings.Fields(err.Error()), " ")) }

// shorten limits the length of values and errors in messages.
func shorten(text string) string {
	const most = 200
	runes := 0
	for i := range text {
		if runes == most {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}

// invalidate adds the objects of a document with duplicate fields as invalid: their keys are known, their contents are not.
func (p *parser) invalidate(d *document, data []byte) {
	invalid := parser{file: &file{path: p.file.path, wellFormed: true}, kinds: p.kinds}
	invalid.value(d, "", data, 0)
	for _, e := range invalid.file.entries {
		e.objects, e.invalid = nil, true
		p.file.entries = append(p.file.entries, e)
	}
	p.file.wellFormed = p.file.wellFormed && invalid.file.wellFormed
}

// head contains the fields that identify an object. They have any type, so that a wrong one can be reported.
type head struct {
	APIVersion any `json:"apiVersion"`
	Kind       any `json:"kind"`
	Metadata   any `json:"metadata"`
	Items      any `json:"items"`
}

// value parses an object, or the objects of a List, at a path within a document.
func (p *parser) value(d *document, at string, data []byte, depth int) {
	if string(data) == "null" {
		return
	}
	var h head
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &h); err != nil {
		p.malformed(d.line(at), "The value is not an object.")
		return
	}
	version, name := text(h.APIVersion), text(h.Kind)
	switch {
	case version == "" && slices.Contains([]string{"kustomization.yaml", "kustomization.yml"}, filepath.Base(p.file.path)):
		p.malformed(d.line(at), "The file is for kustomize: give what kustomize build makes of it.")
	case version == "" || name == "":
		p.malformed(d.line(at), "The object has no apiVersion or no kind.")
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
		p.malformed(d.line(join(at, "items")), "The items of the List are not a list.")
	case depth >= maxListDepth:
		p.malformed(d.line(at), "The List is nested in more than %d Lists.", maxListDepth)
	default:
		for i, item := range list.Items {
			p.value(d, join(at, fmt.Sprintf("items[%d]", i)), item, depth+1)
		}
	}
}

func (p *parser) object(d *document, at string, data []byte, version, name string, metadata any) {
	k, problem := kindOf(p.kinds, version, name)
	if problem != "" {
		p.problem(Problem{Line: d.line(join(at, "kind")), Field: "kind", Message: problem})
	}
	if k == nil {
		return
	}
	e := &entry{path: p.file.path, doc: d, at: at}
	if e.key, problem = keyOf(k, metadata); problem != "" {
		p.malformed(e.line("metadata"), "%s", problem)
		return
	}
	p.file.entries = append(p.file.entries, e)
	objects, problems := decode(k, e.key, data)
	for _, x := range problems {
		p.problem(Problem{Line: e.line(x.Field), Object: e.key, Field: x.Field, Message: x.Message})
	}
	e.objects, e.invalid = objects, objects == nil
}

// keyOf returns the key of an object with the metadata, or a problem if there is none.
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
		return kobj.Key{}, fmt.Sprintf("The name %q is invalid.", shorten(name))
	case !d.ClusterScoped && len(validation.IsDNS1123Label(namespace)) > 0:
		return kobj.Key{}, fmt.Sprintf("The namespace %q is invalid.", shorten(namespace))
	}
	return kobj.Of(d.Kind, namespace, name), ""
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
