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
	node *yaml.Node // of the content, nil if there is none; parsed on first use
}

// split splits a stream at its document markers. The text before the first marker belongs to the first document.
func split(text []byte) []*document {
	var docs []*document
	start, startLine, line := 0, 0, 0
	content := false // the current document has begun
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

// preamble reports whether the line may precede the marker of its document.
func preamble(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#' || line[0] == '%'
}

// value returns the document as JSON, and its duplicate fields; an error if it is not YAML.
func (d *document) value() (data []byte, duplicate []fieldLine, err error) {
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
	if duplicate = d.duplicates(); len(duplicate) == 0 { // an error that only one of the two libraries reports
		return nil, nil, strict
	}
	return data, duplicate, nil
}

// content returns the top node of the document, nil if there is none or it cannot be parsed.
func (d *document) content() *yaml.Node {
	d.once.Do(func() {
		var n yaml.Node
		if yaml.Unmarshal(d.text, &n) == nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
			d.node = n.Content[0]
		}
	})
	return d.node
}

// line returns the line of a field in the file, or of its nearest parent that exists.
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

// steps splits a field path into its elements: a.b[2][x.y/z] is a, b, 2, x.y/z.
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

// child returns the key and the value of a node under a name or index.
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
	default: // a scalar has no children
	}
	return nil, nil
}

// target returns the node, or the target of an alias.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

// fieldLine is a field and its line.
type fieldLine struct {
	field string
	line  int // in the file
}

// duplicates returns the fields that repeat an earlier field of the same object.
func (d *document) duplicates() []fieldLine {
	var out []fieldLine
	if n := d.content(); n != nil {
		duplicates(n, "", &out)
	}
	for i := range out {
		out[i].line += d.lines
	}
	return out
}

func duplicates(n *yaml.Node, at string, out *[]fieldLine) {
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
				*out = append(*out, fieldLine{field, n.Content[i].Line})
			}
			seen[name] = true
			duplicates(n.Content[i+1], field, out)
		}
	default: // a scalar has no children
	}
}
