package validate

import (
	"errors"
	"fmt"
	"iter"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"contour.example/contour/internal/report"
)

// Envoy compiles expressions with RE2, this package with Go's dialect of RE2. They differ in the size of programs, in the
// names of Unicode classes, and in that Envoy matches bytes instead of characters. Regex rejects expressions in case of
// doubt, because Envoy rejects the whole host of an expression that it does not accept.

const (
	// maxRegex bounds an expression, in bytes, before it is parsed.
	maxRegex = 16 << 10
	// maxClasses bounds the Unicode classes of an expression, as in \pL: three bytes stand for hundreds of ranges.
	maxClasses = 64
	// maxRepetitions is how often RE2 repeats a part at most.
	maxRepetitions = 1000
	// maxProgram bounds the size of a compiled expression, in instructions of RE2, whatever the budgets permit. The memory
	// limit of RE2 allows about twice as many.
	maxProgram = 40_000
)

// Expression is the verdict on a regular expression.
type Expression struct {
	Problem Problem // "" if Envoy can use the expression
	// Size is the number of instructions of its program in Envoy (re2.max_program_size), estimated from above.
	Size int
	// Cost is what a match can cost Envoy for each byte of the request, and what it can remember of it: more than Size, and less
	// if the program is known to have few states (see linear).
	Cost int
	// Steps is what the check of the states took, about 40 ns each.
	Steps int
}

// Within returns the Problem of the expression, or that its program is larger than most instructions; 0 permits all.
func (e Expression) Within(most int) Problem {
	if e.Problem == "" && most > 0 && e.Size > most {
		return Problem(fmt.Sprintf("compiles to a program of about %d instructions, more than %d", e.Size, most))
	}
	return e.Problem
}

// Regex checks that Envoy can use a regular expression, and estimates what it costs there. It takes time in proportion to
// the length of the expression and to Size, and compiles nothing that is larger than maxLinear.
func Regex(expr string) Expression {
	tree, problem := parseRegex(expr)
	if problem != "" {
		return Expression{Problem: problem}
	}
	size := programSize(expr)
	if size > maxProgram {
		return Expression{Problem: "compiles to too large a program"}
	}
	few, steps := linear(tree, size)
	if few {
		return Expression{Size: size, Cost: size/linearShare + linearCost, Steps: steps}
	}
	return Expression{Size: size, Cost: stepCost*size + stateCost, Steps: steps}
}

// WildcardCost is the Cost of the expression that keeps each route of a wildcard host to names with one label in the place of the
// star; 0 for another host.
func WildcardCost(hostname string) int {
	const others = 48 // instructions of the label and the port
	suffix, ok := strings.CutPrefix(hostname, "*.")
	if !ok {
		return 0
	}
	return (others+len(suffix))/linearShare + linearCost
}

// parseRegex returns the expression as Envoy reads it, with each byte as a character.
func parseRegex(expr string) (*syntax.Regexp, Problem) {
	if len(expr) > maxRegex {
		return nil, Problem(fmt.Sprintf("is longer than %d bytes", maxRegex))
	}
	if n := unicodeClasses(expr); n > maxClasses {
		return nil, Problem(fmt.Sprintf("has %d Unicode classes, more than %d", n, maxClasses))
	}
	if wideEscape(expr) {
		return nil, "has an escape sequence for a character above \\xFF, which Envoy does not support"
	}
	if hasCharacters(expr) && !foldsCase(expr) {
		if _, err := syntax.Parse(expr, syntax.Perl); err != nil {
			return nil, "does not compile" + detail(err)
		}
	}
	tree, err := syntax.Parse(bytewise(expr), syntax.Perl)
	switch {
	case err != nil && hasCharacters(expr):
		return nil, "does not compile in Envoy, which matches bytes instead of characters"
	case err != nil:
		return nil, "does not compile" + detail(err)
	}
	if !repeatsWithin(tree, maxRepetitions) {
		return nil, "does not compile: invalid repeat count"
	}
	if name, ok := unsupportedClass(expr); ok {
		return nil, Problem(fmt.Sprintf("uses the character class %s, which Envoy does not support", report.Quote(name)))
	}
	return tree, ""
}

// repeatsWithin reports whether no part is repeated more often than most times, counting repetitions within repetitions. Go's parser
// ignores those within {0}, RE2 does not.
func repeatsWithin(re *syntax.Regexp, most int) bool {
	if re.Op == syntax.OpRepeat {
		if times := max(re.Max, re.Min); times > 0 { // Max is -1 if there is none
			most /= times
		}
	}
	return most > 0 && !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !repeatsWithin(sub, most) })
}

// detail returns why an expression does not compile, as the end of a sentence.
func detail(err error) Problem {
	if e := (*syntax.Error)(nil); errors.As(err, &e) {
		return Problem(fmt.Sprintf(": %s", e.Code))
	}
	return ""
}

// hasCharacters reports whether the expression has a character of more than one byte.
func hasCharacters(expr string) bool {
	return strings.ContainsFunc(expr, func(r rune) bool { return r >= utf8.RuneSelf })
}

// foldsCase reports whether a part of the expression ignores case, as in (?i) and (?s-i:x). Go's parser then visits each
// character of a class: a hundred thousand for a class of eight bytes.
func foldsCase(expr string) bool {
	for {
		_, flags, found := strings.Cut(expr, "(?")
		if !found {
			return false
		}
		end := strings.IndexFunc(flags, func(r rune) bool { return r != '-' && !isAlphanumeric(r) })
		if end >= 0 && strings.Contains(flags[:end], "i") {
			return true
		}
		expr = flags
	}
}

// unicodeClasses returns the number of Unicode classes in the expression, or more.
func unicodeClasses(expr string) int {
	return strings.Count(expr, `\p`) + strings.Count(expr, `\P`)
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
	for _, depth := range bars(expr) {
		if depth <= 0 {
			return true
		}
	}
	return false
}

// bars yields the index of each vertical bar that separates alternatives, and in how many groups it is.
func bars(expr string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		depth := 0
		for i := 0; i < len(expr); i++ {
			switch c := expr[i]; {
			case c == '\\':
				i += escapeSize(expr[i:]) - 1
			case c == '[':
				i += bracketSize(expr[i:]) - 1
			case c == '(':
				depth++
			case c == ')':
				depth--
			case c == '|' && !yield(i, depth):
				return
			}
		}
	}
}

// escapeSize is the number of bytes of the escape sequence at the start of s that can hide an operator: \Q hides all until \E.
func escapeSize(s string) int {
	if rest, ok := strings.CutPrefix(s, `\Q`); ok {
		text, _, _ := strings.Cut(rest, `\E`)
		return min(len(`\Q`)+len(text)+len(`\E`), len(s))
	}
	return min(2, len(s))
}

// bracketSize is the number of bytes of the class, such as [^]a[:digit:]\]], at the start of s.
func bracketSize(s string) int {
	first := 1
	if strings.HasPrefix(s, "[^") {
		first++
	}
	lastName := strings.LastIndex(s, ":]")
	for i := first; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case i+2 <= lastName && strings.HasPrefix(s[i:], "[:"):
			i += 2 + strings.Index(s[i+2:], ":]") + 1
		case s[i] == ']' && i > first:
			return i + 1
		}
	}
	return len(s)
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
