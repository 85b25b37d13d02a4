package preview

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// There is one text for each class, it is of the language, and its class differs from those of the others.
func TestPartition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language    string
		expressions []string
		want        int // classes
		incomplete  bool
	}{
		{language: `[a-z]*`, expressions: []string{`a`, `a.*`}, want: 3},
		{language: `[a-z]*`, expressions: []string{`a.*`, `ab.*`, `abc`}, want: 4},
		{language: `[a-z]*`, expressions: []string{`[a-m]+`, `[h-z]+`}, want: 4},
		{language: `[a-z]*`, expressions: []string{`(?i)A`, `a`}, want: 2},
		{language: `[a-z]{3}`, expressions: []string{`^abc$`, `abd`}, want: 3},
		{language: `[a-z]*`, expressions: []string{`(a|b)*c`, `(b|a)*c`}, want: 2},
		{language: `[a-z]*`, expressions: []string{`(`, `a`}, want: 2},
		{language: `[a-z]*`, expressions: []string{`\ba\b`}, want: 1, incomplete: true},
		{language: `[a-z]*`, expressions: []string{`.*a.{60}`, `.*b.{60}`, `.*c.{60}`}, incomplete: true},
	} {
		texts, complete := partition(c.language, c.expressions)
		if complete == c.incomplete || c.want > 0 && len(texts) != c.want {
			t.Errorf("%s %v: %q, complete %t", c.language, c.expressions, texts, complete)
		}
		var classes []string
		for _, text := range texts {
			if !regexp.MustCompile(`\A(?:` + c.language + `)\z`).MatchString(text) {
				t.Errorf("%s: %q is not of the language", c.language, text)
			}
			var class strings.Builder
			for _, e := range c.expressions {
				re, err := regexp.Compile(`\A(?:` + e + `)\z`)
				class.WriteString(map[bool]string{true: "1", false: "0"}[err == nil && re.MatchString(text)])
			}
			classes = append(classes, class.String())
		}
		slices.Sort(classes)
		if len(slices.Compact(slices.Clone(classes))) != len(classes) && !c.incomplete {
			t.Errorf("%s %v: %q have classes %v", c.language, c.expressions, texts, classes)
		}
	}
}
