package httpproxy

import (
	"net/textproto"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
)

// headerPolicy is a list of changes to headers, with the context in which they are converted.
type headerPolicy struct {
	spec        *contourv1.HeadersPolicy // may be nil
	at          path
	condition   subCondition
	request     bool // the changes are to requests, in which Host can be set
	literalHost bool // Host can be set to a fixed value only
	variables   validate.Variables
}

// headers converts a header policy; the rewrite of Host is separate from the other headers. Errors reject the route.
func (b *builder) headers(h headerPolicy) (ir.HeaderEdits, *ir.HostRewrite) {
	if h.spec == nil {
		return ir.HeaderEdits{}, nil
	}
	var edits ir.HeaderEdits
	var host *ir.HostRewrite
	b.checkNames(h)
	for i, v := range h.spec.Set {
		at := h.at.dot("set").at(i)
		name := textproto.CanonicalMIMEHeaderKey(v.Name)
		value := h.variables.Expand(v.Value)
		problem := validate.HeaderValue(v.Value, value)
		switch {
		case problem != "":
			b.reject(h.condition, at.dot("value"), "The value %s of header %s %s.", quoted(v.Value), quoted(v.Name), problem)
		case name == "Host":
			host = b.hostRewrite(h, v.Value, at)
		default:
			edits.Set = append(edits.Set, ir.Header{Name: name, Value: value})
		}
	}
	for _, name := range h.spec.Remove {
		edits.Remove = append(edits.Remove, textproto.CanonicalMIMEHeaderKey(name))
	}
	return edits, host
}

// checkNames rejects the route if a name is not a header name, occurs twice or cannot be changed.
func (b *builder) checkNames(h headerPolicy) {
	if n := max(len(h.spec.Set), len(h.spec.Remove)); n > validate.MaxHeaderEdits {
		b.reject(h.condition, h.at, "There are %d changes to headers; at most %d are allowed.", n, validate.MaxHeaderEdits)
		return
	}
	set := make(map[string]bool, len(h.spec.Set))
	for i, v := range h.spec.Set {
		b.checkName(h, v.Name, set, h.at.dot("set").at(i).dot("name"))
	}
	removed := make(map[string]bool, len(h.spec.Remove))
	for i, name := range h.spec.Remove {
		at := h.at.dot("remove").at(i)
		b.checkName(h, name, removed, at)
		if strings.EqualFold(name, "Host") {
			b.reject(h.condition, at, "The header %s cannot be removed.", quoted(name))
		}
	}
}

func (b *builder) checkName(h headerPolicy, name string, seen map[string]bool, at path) {
	lower, problem := strings.ToLower(name), validate.EditableHeader(name)
	switch {
	case problem != "":
		b.reject(h.condition, at, "%s %s.", quoted(name), problem)
	case seen[lower]:
		b.reject(h.condition, at, "The header %s occurs twice.", quoted(name))
	}
	seen[lower] = true
}

// hostRewrite returns the value of Host: a name, or the value of a header of the request.
func (b *builder) hostRewrite(h headerPolicy, value string, at path) *ir.HostRewrite {
	if !h.request {
		b.reject(h.condition, at, "The header Host cannot be set on responses.")
		return nil
	}
	if name, ok := validate.RequestHeader(value); ok && !h.literalHost {
		return &ir.HostRewrite{Header: name}
	}
	if problem := validate.Authority(value); problem != "" {
		b.reject(h.condition, at.dot("value"), "%s %s.", quoted(value), problem)
		return nil
	}
	return &ir.HostRewrite{Literal: value}
}
