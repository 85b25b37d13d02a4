package semantic

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// editor applies changes to the headers of a message, level by level, and records them.
type editor struct {
	headers map[string]string // of the message, as far as they are known
	request map[string]string // of the request, to which command operators refer; those of the message itself for a request
	changes Changes
}

func newEditor(headers map[string]string) *editor {
	own := maps.Clone(headers)
	if own == nil {
		own = map[string]string{}
	}
	return &editor{headers: own, request: own, changes: Changes{Set: map[string]string{}}}
}

// newResponseEditor returns an editor of a response, whose headers are unknown, to a request.
func newResponseEditor(request map[string]string) *editor {
	return &editor{headers: map[string]string{}, request: request, changes: Changes{Set: map[string]string{}}}
}

// edit applies the changes of one level: like Envoy, it removes headers first, then evaluates all values, and sets the headers at last.
func (e *editor) edit(remove []string, set []*corev3.HeaderValueOption) error {
	for _, name := range remove {
		name = strings.ToLower(name)
		delete(e.headers, name)
		delete(e.changes.Set, name)
		if !slices.Contains(e.changes.Removed, name) {
			e.changes.Removed = append(e.changes.Removed, name)
		}
	}
	values := make([]string, len(set))
	for i, o := range set {
		var err error
		if values[i], err = e.format(o.GetHeader().GetValue()); err != nil {
			return err
		}
	}
	for i, o := range set {
		if err := checkFields(o, "header append_action"); err != nil {
			return err
		}
		value := values[i]
		if value == "" { // Envoy adds no header without a value
			continue
		}
		name := strings.ToLower(o.GetHeader().GetKey())
		switch present, has := e.headers[name]; {
		case o.GetAppendAction() == corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD && has:
			value = present + "," + value // fields of one name are a list
		case o.GetAppendAction() == corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD:
		case o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD:
			return fmt.Errorf("the model does not support the append action of header %s", o.GetHeader().GetKey())
		}
		e.set(name, value)
	}
	return nil
}

func (e *editor) set(name, value string) {
	e.headers[name], e.changes.Set[name] = value, value
	e.changes.Removed = slices.DeleteFunc(e.changes.Removed, func(n string) bool { return n == name })
}

// format evaluates a format string of Envoy: %%, %REQ(name)% and %REQ(name?alternative)%. Other command operators depend on the connection
// and remain unchanged.
func (e *editor) format(value string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(value, "%")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		if after, doubled := strings.CutPrefix(rest, "%"); doubled {
			out.WriteByte('%')
			value = after
			continue
		}
		length := commandLength(rest)
		if length < 0 {
			return "", fmt.Errorf("%q has a command operator without end", value)
		}
		out.WriteString(e.command(rest[:length]))
		value = rest[length+1:]
	}
}

// commandLength returns the length of the command operator at the start of text, up to the % that ends it; -1 if it has
// no end. Parentheses may contain percent signs.
func commandLength(text string) int {
	depth := 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '%' && depth == 0:
			return i
		}
	}
	return -1
}

func (e *editor) command(text string) string {
	name, ok := strings.CutPrefix(text, "REQ(")
	name, closed := strings.CutSuffix(name, ")")
	if !ok || !closed {
		return "%" + text + "%"
	}
	name, alternative, _ := strings.Cut(strings.ToLower(name), "?")
	if value, present := e.request[name]; present {
		return value
	}
	return e.request[alternative]
}
