package validate

import (
	"fmt"
	"strings"

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

// PathMatch checks the match of a path. PathLength checks the length of its value.
func PathMatch(m ir.PathMatch) Problem {
	p := Path(m.Value)
	if p == "" && m.Kind == ir.PathRegex {
		p = Regex(m.Value)
	}
	return p
}

// PathLength checks the length of a path, or of an expression for paths.
func PathLength(s string) Problem {
	if len(s) > maxPath {
		return Problem(fmt.Sprintf("is longer than %d bytes", maxPath))
	}
	return ""
}
