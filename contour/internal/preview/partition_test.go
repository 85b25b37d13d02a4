package preview

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"contour.example/contour/internal/ir"
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
		texts, complete := partition(c.language, c.expressions, &effort{maxEffort})
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

// Searches that share an effort cost no more than it together, and say what they did not finish.
func TestSearchesShareAnEffort(t *testing.T) {
	t.Parallel()
	all := maxEffort
	if testing.Short() {
		all /= 10
	}
	of := effort{all}
	unfinished := 0
	for range 100 {
		if _, complete := partition(pathLanguage, []string{"/.*a[ab]{25}"}, &of); !complete {
			unfinished++
		}
	}
	if of.left < 0 || of.left > all/100 || unfinished != 100 {
		t.Errorf("%d of the effort are left, %d searches are unfinished", of.left, unfinished)
	}
	if texts, complete := partition(pathLanguage, []string{"/a"}, &effort{}); complete {
		t.Errorf("without an effort, %q are found, and said to be all", texts)
	}
}

// A host with very many routes is asked a bounded number of requests, and its difference is not said to be all.
func TestRequestsOfAHostAreBounded(t *testing.T) {
	t.Parallel()
	routes := make([]ir.Route, 3000)
	for i := range routes {
		routes[i].Match.Path = ir.PathMatch{Value: fmt.Sprintf("/r%d", i)}
	}
	if requests, complete := witnessesOf(routes, &effort{maxEffort}); complete || len(requests) < maxRequests || len(requests) > maxRequests+maxCombinations {
		t.Errorf("%d requests, complete: %t", len(requests), complete)
	}
}
