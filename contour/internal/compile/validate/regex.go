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

// Users write RE2 and Envoy compiles RE2, but this program has only Go's dialect of it. The difference is the size of
// programs, the names of Unicode classes, and that Envoy's characters are bytes. Regex refuses rather too much than too
// little, since Envoy would reject the whole host.

// maxRegex bounds an expression, in bytes, before it is compiled.
const maxRegex = 16 << 10

// maxProgram bounds the size of a compiled expression, in instructions as RE2 counts them. RE2's own
// memory limit allows about twice as many.
const maxProgram = 40_000

// Regex checks that Envoy can use a regular expression.
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
		return "has an escape sequence for a character above \\xFF, which Envoy does not know"
	}
	if _, err := regexp.Compile(bytewise(expr)); err != nil {
		return "does not compile with bytes for characters, as it is in Envoy"
	}
	if name, ok := foreignClass(expr); ok {
		return Problem(fmt.Sprintf("uses the character class %s, which Envoy does not know", report.Quote(name)))
	}
	if tree, err := syntax.Parse(expr, syntax.Perl); err != nil || programSize(tree) > maxProgram {
		return "compiles to too large a program"
	}
	return ""
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

// escaped is the number of the character that s, which follows a backslash, begins with; 0 if it begins with no number.
func escaped(s string) uint64 {
	if rest, ok := strings.CutPrefix(s, "x{"); ok {
		digits, _, _ := strings.Cut(rest, "}")
		n, _ := strconv.ParseUint(digits, 16, 32) // what is no number does not compile either
		return n
	}
	n, _ := strconv.ParseUint(s[:min(len(s), 3)], 8, 32)
	return n
}

// bytewise is the expression with each of its bytes as a character.
func bytewise(expr string) string {
	runes := make([]rune, len(expr))
	for i := range len(expr) {
		runes[i] = rune(expr[i])
	}
	return string(runes)
}

// foreignClass finds the name of a Unicode class, as in \pN or \p{Greek}, that only Go knows.
func foreignClass(expr string) (string, bool) {
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

// className is the name at the start of s, a letter or in braces, without the ^ that negates it.
func className(s string) string {
	if rest, ok := strings.CutPrefix(s, "{"); ok {
		name, _, _ := strings.Cut(rest, "}")
		return strings.TrimPrefix(name, "^")
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// unicodeClass reports whether it is the name of a category or script that RE2 knows too.
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

// programSize estimates from above how many instructions RE2 makes of the expression, up to about maxProgram.
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

// classSize counts one instruction for a range of ASCII and a few for one of longer encodings, which share their ends.
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
