package validate

import (
	"regexp"
	"strings"
	"testing"
)

func TestRegex(t *testing.T) {
	t.Parallel()
	for expr, invalid := range map[string]bool{
		`/a.*`:                              false,
		`/(a|b)+/\d{1,3}`:                   false,
		`/\p{Greek}\pL\p{^Lu}`:              false,
		`/\\p{nothing}`:                     false,
		`/[^/]{1,900}`:                      false,
		`/a(?!b)`:                           true,
		`/(`:                                true,
		`/\1`:                               true,
		`/\x{ff}\xff\377[ä-ü]+ü`:            false,
		`/\x{10FFFF}`:                       true,
		`/[\x{0}-\x{100}]`:                  true,
		`/\777`:                             true,
		`/[\x{e4}-ö]`:                       true,
		`/a**`:                              true,
		`/\p{greek}`:                        true,
		`/\p{Letter}`:                       true,
		`/(\pL\pL\pL\pL\pL\pL\pL\pL){100}`:  true,
		`/` + strings.Repeat("a", maxRegex): true,
	} {
		if got := Regex(expr); (got != "") != invalid {
			t.Errorf("Regex(%.40q) = %q, want a problem: %v", expr, got, invalid)
		}
	}
}

// FuzzRegex checks that a valid expression compiles, as characters and as bytes.
func FuzzRegex(f *testing.F) {
	for _, s := range []string{`/a.*`, `/\p{Greek}\pL`, `(?i:é){1000}+`, `\x{100}`, `[[:alpha:]\377]`, `\Q%`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if Regex(expr) != "" {
			return
		}
		for _, e := range []string{expr, bytewise(expr)} {
			if _, err := regexp.Compile(e); err != nil {
				t.Errorf("%q: %v", expr, err)
			}
		}
	})
}
