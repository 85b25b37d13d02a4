package dir

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
	kyaml "sigs.k8s.io/yaml"
)

// document is one document of a file.
type document struct {
	text  []byte
	lines int // lines of the file before it
	json  bool

	once sync.Once
	node *yaml.Node // of the content, nil if it has none; made when it is first asked for
}

// split cuts a stream at its document markers. What stands before the first one belongs to the first document.
func split(text []byte) []*document {
	var docs []*document
	start, startLine, line := 0, 0, 0
	content := false // the present document has begun
	cut := func(end int) {
		if len(bytes.TrimSpace(text[start:end])) > 0 {
			docs = append(docs, &document{text: text[start:end], lines: startLine})
		}
		start, startLine, content = end, line, false
	}
	for at := 0; at < len(text); line++ {
		next := len(text)
		if i := bytes.IndexByte(text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		l := text[at:next]
		if marker(l, "---") && content {
			cut(at)
		}
		if marker(l, "...") {
			line++
			cut(next)
			line--
		} else if !preamble(l) {
			content = true
		}
		at = next
	}
	cut(len(text))
	return docs
}

// marker reports whether the line is a document marker.
func marker(line []byte, m string) bool {
	rest, ok := bytes.CutPrefix(line, []byte(m))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// preamble reports whether the line may stand before the marker of the document that it belongs to.
func preamble(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#' || line[0] == '%'
}

// value is the document as JSON, and the fields that are in it twice; an error if it is not YAML.
func (d *document) value() (data []byte, twice []repeated, err error) {
	if d.json {
		return d.text, d.duplicates(), nil
	}
	data, strict := kyaml.YAMLToJSONStrict(d.text)
	if strict == nil {
		return data, nil, nil
	}
	if data, err = kyaml.YAMLToJSON(d.text); err != nil {
		return nil, nil, err
	}
	if twice = d.duplicates(); len(twice) == 0 { // a thing that only one of the two libraries minds
		return nil, nil, strict
	}
	return data, twice, nil
}

// content is the top node of the document, nil if it has none that can be read.
func (d *document) content() *yaml.Node {
	d.once.Do(func() {
		var n yaml.Node
		if yaml.Unmarshal(d.text, &n) == nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
			d.node = n.Content[0]
		}
	})
	return d.node
}

// line is the line in the file of a field, or of the nearest thing above it that is there.
func (d *document) line(field string) int {
	n := d.content()
	if n == nil {
		return d.lines + 1
	}
	line := n.Line
	for _, step := range steps(field) {
		key, value := child(n, step)
		if value == nil {
			break
		}
		line, n = key.Line, value
	}
	return d.lines + line
}

// steps splits a field path: a.b[2][x.y/z] is a, b, 2, x.y/z.
func steps(field string) []string {
	var out []string
	for field != "" {
		switch field[0] {
		case '.':
			field = field[1:]
		case '[':
			inner, rest, _ := strings.Cut(field[1:], "]")
			out, field = append(out, inner), rest
		default:
			i := strings.IndexAny(field, ".[")
			if i < 0 {
				i = len(field)
			}
			out, field = append(out, field[:i]), field[i:]
		}
	}
	return out
}

// child is what a node has under a name or index: where it is named and what it is.
func child(n *yaml.Node, step string) (key, value *yaml.Node) {
	n = target(n)
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i], n.Content[i+1]
			}
		}
	default: // a scalar has nothing under it
	}
	return nil, nil
}

// target is the node, or what it is an alias of.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// repeated is a field that the same object has before.
type repeated struct {
	field string
	line  int // in the file
}

// duplicates are the fields that are there again in the same object.
func (d *document) duplicates() []repeated {
	var out []repeated
	if n := d.content(); n != nil {
		duplicates(n, "", &out)
	}
	for i := range out {
		out[i].line += d.lines
	}
	return out
}

func duplicates(n *yaml.Node, at string, out *[]repeated) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			duplicates(c, at+"["+strconv.Itoa(i)+"]", out)
		}
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			field := join(at, name)
			if strings.ContainsAny(name, ".[") {
				field = at + "[" + name + "]"
			}
			if seen[name] {
				*out = append(*out, repeated{field, n.Content[i].Line})
			}
			seen[name] = true
			duplicates(n.Content[i+1], field, out)
		}
	default: // a scalar has nothing under it
	}
}
