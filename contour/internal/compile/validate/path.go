package validate

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"contour.example/contour/internal/ir"
)

// maxPath bounds the length of paths and of expressions for paths, in bytes.
const maxPath = 16 << 10

// Path checks that s is an absolute path. PathLength checks its length.
func Path(s string) Problem {
	switch {
	case !strings.HasPrefix(s, "/"):
		return "does not start with /"
	case !IsText(s):
		return controlCharacters
	}
	return ""
}

// PathMatch checks the match of a path. PathLength checks the length of its value, regex a regular expression.
func PathMatch(m ir.PathMatch, regex func(string) Problem) Problem {
	p := Path(m.Value)
	if p == "" && m.Kind == ir.PathRegex {
		p = regex(m.Value)
	}
	return p
}

// ReadablePath is what can be read of a path condition that is not valid: the text that each path must begin with which the
// condition could be meant for, as a prefix. It is "/" if nothing more can be read.
func ReadablePath(m ir.PathMatch) ir.PathMatch {
	text := m.Value
	if m.Kind == ir.PathRegex {
		text = literalPrefix(text)
	}
	foreign := func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError || r == '?' || r == '#' }
	if end := strings.IndexFunc(text, foreign); end >= 0 {
		text = text[:end]
	}
	text = "/" + strings.TrimLeft(text, "/")
	if len(text) > maxPath {
		text = strings.ToValidUTF8(text[:maxPath], "")
	}
	return ir.PathMatch{Kind: ir.PathPrefix, Value: text}
}

// PathLength checks that a path, or an expression for paths, is not too long.
func PathLength(s string) Problem {
	if len(s) > maxPath {
		return Problem(fmt.Sprintf("is longer than %d bytes", maxPath))
	}
	return ""
}
