package ratelimit

import (
	"fmt"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/headermatch"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// Limits of a policy: each request sends all its descriptors to a service that all share.
const (
	maxDescriptors = 64
	maxEntries     = 16
	maxConditions  = 32
	maxText        = 1024
)

// Problem is an error in a policy.
type Problem struct {
	Field   string // below the policy
	Message string // a sentence
}

// Descriptors converts the descriptors of a policy; they are usable if there are no problems. regex checks a regular expression.
// A policy that is disabled has none.
func Descriptors(spec *contourv1.GlobalRateLimitPolicy, regex func(string) validate.Problem) ([]ir.LimitDescriptor, []Problem) {
	if spec == nil || spec.Disabled {
		return nil, nil
	}
	c := &converter{regex: regex}
	if n := len(spec.Descriptors); n > maxDescriptors {
		c.errorf("descriptors", "There are %d descriptors; at most %d are allowed.", n, maxDescriptors)
		return nil, c.problems
	}
	var out []ir.LimitDescriptor
	for i, d := range spec.Descriptors {
		at := fmt.Sprintf("descriptors[%d].entries", i)
		if n := len(d.Entries); n == 0 || n > maxEntries {
			c.errorf(at, "The descriptor has %d entries; at least 1 and at most %d are allowed.", n, maxEntries)
			continue
		}
		var entries ir.LimitDescriptor
		for j := range d.Entries {
			entries = append(entries, c.entry(&d.Entries[j], fmt.Sprintf("%s[%d]", at, j)))
		}
		out = append(out, entries)
	}
	return out, c.problems
}

// converter converts one policy.
type converter struct {
	regex    func(string) validate.Problem
	problems []Problem
}

func (c *converter) errorf(field, format string, args ...any) {
	c.problems = append(c.problems, Problem{field, fmt.Sprintf(format, args...)})
}

// entry converts an entry, which has exactly one of its fields.
func (c *converter) entry(spec *contourv1.RateLimitDescriptorEntry, at string) ir.LimitEntry {
	var all []ir.LimitEntry
	if g := spec.GenericKey; g != nil {
		c.text(at+".genericKey.key", g.Key, "")
		all = append(all, ir.LimitEntry{Kind: ir.LimitConstant, Key: g.Key, Value: c.text(at+".genericKey.value", g.Value, "The value is empty.")})
	}
	if h := spec.RequestHeader; h != nil {
		if problem := validate.HeaderMatchName(h.HeaderName); problem != "" {
			c.errorf(at+".requestHeader.headerName", "%s %s.", report.Quote(h.HeaderName), problem)
		}
		key := c.text(at+".requestHeader.descriptorKey", h.DescriptorKey, "The key of the entry is empty.")
		all = append(all, ir.LimitEntry{Kind: ir.LimitHeader, Key: key, Header: h.HeaderName})
	}
	if m := spec.RequestHeaderValueMatch; m != nil {
		all = append(all, c.match(m, at+".requestHeaderValueMatch"))
	}
	if spec.RemoteAddress != nil {
		all = append(all, ir.LimitEntry{Kind: ir.LimitAddress})
	}
	if len(all) != 1 {
		c.errorf(at, "The entry has %d of genericKey, requestHeader, requestHeaderValueMatch and remoteAddress; exactly one is required.", len(all))
		return ir.LimitEntry{}
	}
	return all[0]
}

// match converts an entry with a constant for requests with certain headers.
func (c *converter) match(m *contourv1.RequestHeaderValueMatchDescriptor, at string) ir.LimitEntry {
	out := ir.LimitEntry{Kind: ir.LimitMatch, Value: c.text(at+".value", m.Value, "The value is empty."), Unless: m.ExpectMatch != nil && !*m.ExpectMatch}
	if n := len(m.Headers); n == 0 || n > maxConditions {
		c.errorf(at+".headers", "There are %d conditions; at least 1 and at most %d are allowed.", n, maxConditions)
		return out
	}
	for i := range m.Headers {
		matches, problems := headermatch.Convert(&m.Headers[i], c.regex)
		for _, p := range problems {
			field := fmt.Sprintf("%s.headers[%d]", at, i)
			if p.Field != "" {
				field += "." + p.Field
			}
			c.errorf(field, "%s", p.Message)
		}
		out.Headers = append(out.Headers, matches...)
	}
	return out
}

// text checks a text of a descriptor and returns it; empty is the problem of an empty one, "" if it may be empty.
func (c *converter) text(at, s, empty string) string {
	switch {
	case s == "" && empty != "":
		c.errorf(at, "%s", empty)
	case len(s) > maxText || !validate.IsText(s):
		c.errorf(at, "%s is longer than %d bytes or has control characters.", report.Quote(s), maxText)
	}
	return s
}
