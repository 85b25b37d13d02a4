package regex

import (
	"strings"
	"testing"
)

func TestRegexProblem(t *testing.T) {
	t.Parallel()
	for expr, bad := range map[string]bool{
		`/a.*`:                               false,
		`/(a|b)+/\d{1,3}`:                    false,
		`/\p{Greek}\pL\p{^Lu}`:               false,
		`/\\p{nothing}`:                      false,
		`/[^/]{1,900}`:                       false,
		`/a(?!b)`:                            true,
		`/(`:                                 true,
		`/\1`:                                true,
		`/\x{ff}\xff\377[ä-ü]+ü`:             false,
		`/\x{10FFFF}`:                        true,
		`/[\x{0}-\x{100}]`:                   true,
		`/\777`:                              true,
		`/[\x{e4}-ö]`:                        true,
		`/a**`:                               true,
		`/\p{greek}`:                         true,
		`/\p{Letter}`:                        true,
		`/(\pL\pL\pL\pL\pL\pL\pL\pL){100}`:   true,
		`/` + strings.Repeat("a", maxLength): true,
	} {
		if got := Problem(expr); (got != "") != bad {
			t.Errorf("Problem(%.40q) = %q, want a problem: %v", expr, got, bad)
		}
	}
}
