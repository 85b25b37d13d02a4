package validate

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"contour.example/contour/internal/report"
)

// Envoy compiles expressions with RE2, this package with Go's dialect of RE2. They differ in the size of programs, in the
// names of Unicode classes, and in that Envoy matches bytes instead of characters. Regex rejects expressions in case of
// doubt, because Envoy rejects the whole host of an expression that it does not accept.

// maxRegex bounds an expression, in bytes, before it is compiled.
const maxRegex = 16 << 10

// maxProgram bounds the size of a compiled expression, in instructions as RE2 counts them. RE2's own
// memory limit allows about twice as many.
const maxProgram = 40_000

// Regex checks that Envoy accepts a regular expression.
func Regex(expr string) Problem {
	if len(expr) > maxRegex {
		return Problem(fmt.Sprintf("is longer than %d bytes", maxRegex))
	}
	if _, err := regexp.Compile(expr); err != nil {
		if e := (*syntax.Error)(nil); errors.As(err, &e) {
			return Problem(fmt.Sprintf("does not compile: %s", e.Code))
		}
		return "does not compile"
	}
	if wideEscape(expr) {
		return "has an escape sequence for a character above \\xFF, which Envoy does not support"
	}
	if _, err := regexp.Compile(bytewise(expr)); err != nil {
		return "does not compile in Envoy, which matches bytes instead of characters"
	}
	if name, ok := unsupportedClass(expr); ok {
		return Problem(fmt.Sprintf("uses the character class %s, which Envoy does not support", report.Quote(name)))
	}
	if tree, err := syntax.Parse(expr, syntax.Perl); err != nil || programSize(tree) > maxProgram {
		return "exceeds the maximum size of a compiled expression"
	}
	return ""
}

// literalPrefix is the text that all matches of an expression begin with, as far as it is written as such at its start. The
// expression need not compile.
func literalPrefix(expr string) string {
	expr = strings.TrimPrefix(expr, "^")
	if alternates(expr) {
		return ""
	}
	var text []rune
	runes := []rune(expr)
	for i := 0; i < len(runes); i++ {
		c := runes[i]
		if c == '\\' && i+1 < len(runes) && isPunctuation(runes[i+1]) {
			i++
			c = runes[i]
		} else if strings.ContainsRune(`\.+*?()|[]{}^$`, c) {
			break
		}
		text = append(text, c)
		if i+1 < len(runes) && strings.ContainsRune("*?{", runes[i+1]) { // the character may be absent
			text = text[:len(text)-1]
			break
		}
	}
	return string(text)
}

// isPunctuation reports whether a backslash before the character makes it stand for itself.
func isPunctuation(r rune) bool { return r > ' ' && r < 0x7f && !isAlphanumeric(r) }

// alternates reports whether an expression has alternatives as a whole, outside groups and classes.
func alternates(expr string) bool {
	depth, class := 0, false
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == '|' && depth <= 0:
			return true
		}
	}
	return false
}

// wideEscape reports whether the expression has an escape sequence for a character that is no byte, as in \x{100} and \777.
func wideEscape(expr string) bool {
	for i := 0; i < len(expr)-1; i++ {
		if expr[i] != '\\' {
			continue
		}
		i++
		if escaped(expr[i:]) > 0xFF {
			return true
		}
	}
	return false
}

// escaped returns the number of the character at the start of s, which follows a backslash; 0 if s starts with no number.
func escaped(s string) uint64 {
	if rest, ok := strings.CutPrefix(s, "x{"); ok {
		digits, _, _ := strings.Cut(rest, "}")
		n, _ := strconv.ParseUint(digits, 16, 32) // an invalid number does not compile either
		return n
	}
	n, _ := strconv.ParseUint(s[:min(len(s), 3)], 8, 32)
	return n
}

// bytewise returns the expression with each of its bytes as a character.
func bytewise(expr string) string {
	runes := make([]rune, len(expr))
	for i := range len(expr) {
		runes[i] = rune(expr[i])
	}
	return string(runes)
}

// unsupportedClass returns the first name of a Unicode class, as in \pN or \p{Greek}, that RE2 does not support.
func unsupportedClass(expr string) (string, bool) {
	for i := 0; i < len(expr)-1; i++ {
		if expr[i] != '\\' {
			continue
		}
		i++
		if c := expr[i]; c != 'p' && c != 'P' {
			continue
		}
		if name := className(expr[i+1:]); name != "Any" && !unicodeClass(name) {
			return name, true
		}
	}
	return "", false
}

// className returns the name at the start of s, a letter or in braces, without the ^ that negates it.
func className(s string) string {
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		name, _, _ := strings.Cut(rest, "}")
		return strings.TrimPrefix(name, "^")
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// unicodeClass reports whether name is a category or script that RE2 supports.
func unicodeClass(name string) bool {
	if name == "Cn" || name == "LC" {
		return false
	}
	if _, ok := unicode.Categories[name]; ok {
		return true
	}
	_, ok := unicode.Scripts[name]
	return ok
}

// programSize returns an upper bound of the number of instructions of the expression in RE2, up to about maxProgram.
func programSize(re *syntax.Regexp) int {
	size := 2
	switch re.Op {
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			size += runeSize(r, re.Flags)
		}
	case syntax.OpCharClass:
		size += classSize(re.Rune)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		size += 12
	default:
		for _, sub := range re.Sub {
			size += programSize(sub)
		}
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Max, re.Min, 1)
	}
	return min(size, 10*maxProgram)
}

func runeSize(r rune, flags syntax.Flags) int {
	if flags&syntax.FoldCase != 0 {
		return 3 * utf8.UTFMax
	}
	return max(utf8.RuneLen(r), 1)
}

// classSize counts one instruction for a range of ASCII and a few for a range of longer encodings, which share suffixes.
func classSize(ranges []rune) int {
	ascii, longer := 0, 0
	for i := 1; i < len(ranges); i += 2 {
		if ranges[i] < utf8.RuneSelf {
			ascii++
		} else {
			longer++
		}
	}
	return ascii + 3*longer + min(longer, 1)*12
}
