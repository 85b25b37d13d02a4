package validate

import (
	"fmt"
	"strings"

	"contour.example/contour/internal/ir"
)

// maxPath bounds what the path of a request is compared with, or replaced by, in bytes.
const maxPath = 16 << 10

// Path checks that s is an absolute path. How long it may be is for PathLength.
func Path(s string) Problem {
	switch {
	case !strings.HasPrefix(s, "/"):
		return "does not start with /"
	case !IsText(s):
		return controlCharacters
	}
	return ""
}

// PathMatch checks that paths can be compared so. How long the value may be is for PathLength.
func PathMatch(m ir.PathMatch) Problem {
	p := Path(m.Value)
	if p == "" && m.Kind == ir.PathRegex {
		p = Regex(m.Value)
	}
	return p
}

// PathLength checks that a path, or an expression for paths, is not too long.
func PathLength(s string) Problem {
	if len(s) > maxPath {
		return Problem(fmt.Sprintf("is longer than %d bytes", maxPath))
	}
	return ""
}
