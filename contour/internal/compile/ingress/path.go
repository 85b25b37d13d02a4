package ingress

import (
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// The bounds of a regular expression, well within what Envoy can compile: its length in bytes,
// and the size of its program, in instructions, where a range of characters counts for eight.
const (
	maxRegexLength  = 4096
	maxRegexProgram = 50_000
)

// pathOf is the path as written, "/" if there is none.
func pathOf(p *networkingv1.HTTPIngressPath) string {
	if p.Path == "" {
		return "/"
	}
	return p.Path
}

// match says how the path is compared; without a match the path is left out.
func (b *builder) match(field string, p *networkingv1.HTTPIngressPath) (ir.PathMatch, bool) {
	path, kind := pathOf(p), networkingv1.PathTypeImplementationSpecific
	if p.PathType != nil {
		kind = *p.PathType
	}
	regex := kind == networkingv1.PathTypeImplementationSpecific && strings.ContainsAny(path, "^+*[]%")
	if why := unusable(path, regex); why != "" {
		b.fail(report.PathNotValid, field+".path", "Path %s %s.", quote(path), why)
		return ir.PathMatch{}, false
	}
	switch kind {
	case networkingv1.PathTypePrefix:
		return segments(path), true
	case networkingv1.PathTypeExact:
		return ir.PathMatch{Kind: ir.PathExact, Value: path}, true
	case networkingv1.PathTypeImplementationSpecific:
		if regex {
			return ir.PathMatch{Kind: ir.PathRegex, Value: path}, true
		}
		return ir.PathMatch{Kind: ir.PathPrefix, Value: path}, true
	}
	b.fail(report.PathNotValid, field+".pathType", "Path type %s is not Exact, Prefix or ImplementationSpecific.", quote(string(kind)))
	return ir.PathMatch{}, false
}

// segments compares whole path segments; trailing slashes say nothing, and "/" is everything.
func segments(path string) ir.PathMatch {
	path = strings.TrimRight(path, "/")
	if path == "" {
		return ir.PathMatch{Kind: ir.PathPrefix, Value: "/"}
	}
	return ir.PathMatch{Kind: ir.PathSegment, Value: path}
}

// unusable says what is wrong with a path, "" if nothing is.
func unusable(path string, regex bool) string {
	switch {
	case !strings.HasPrefix(path, "/"):
		return "does not start with /"
	case !utf8.ValidString(path), strings.ContainsFunc(path, unicode.IsControl):
		return "has a character that no path can have"
	case regex:
		return unusableRegex(path)
	case strings.ContainsAny(path, "?#"):
		return "has a ? or #, which is never part of a path"
	}
	return ""
}

func unusableRegex(path string) string {
	if len(path) > maxRegexLength {
		return "is too long for a regular expression"
	}
	re, err := syntax.Parse(path, syntax.Perl)
	if err != nil {
		return "is read as a regular expression, but is none"
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil || programSize(prog) > maxRegexProgram {
		return "is too large for a regular expression"
	}
	return ""
}

func programSize(p *syntax.Prog) int {
	size := 0
	for i := range p.Inst {
		size += 1 + 4*len(p.Inst[i].Rune) // a range is two runes
	}
	return size
}
