package validate

import (
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"testing"
)

func regexProblem(expr string) Problem { return Regex(expr).Problem }

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
		`(?:a|(?:(?:$|$|(?:))*){3,1000})*`:  true, // a million instructions in Envoy
		`(?:(?:a{600}){0}b){3}`:             true, // by RE2 only
		`/api(?:a{501}){0}`:                 false,
		`/\p{Letter}`:                       true,
		`/(\pL\pL\pL\pL\pL\pL\pL\pL){1000}`: true,
		`/` + strings.Repeat(`\pL`, 65):     true,
		`/` + strings.Repeat("a", maxRegex): true,
	} {
		if got := Regex(expr).Problem; (got != "") != invalid {
			t.Errorf("Regex(%.40q) = %q, want a problem: %v", expr, got, invalid)
		}
	}
}

// The cost of an expression is small where its states are few, and at least its program where they are not.
func TestCostOfRegex(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expr   string
		linear bool
	}{
		{`/`, true},
		{`/api/v[0-9]+/.*`, true},
		{`/(?i:shop|store)(/.*)?`, true},
		{`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, true},
		{`/tenants/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/.*`, true},
		{`/.{0,1000}`, true},
		{`(?i)(googlebot|bingbot|slurp|duckduckbot|baiduspider|yandex|facebookexternalhit)`, true},
		{`.*(jpe?g|png|gif|css|js)`, true},
		{`/` + strings.Repeat("abcdefghij|", 300) + "z", true},
		{`/.*a.{20}`, false},
		{`/(.*a.{0,12}b)+`, false},
		{`/(x+x+)+y`, true}, // a trap for engines that backtrack only
		{strings.Repeat("/(.{0,30}a)", 20), false},
	} {
		e := Regex(c.expr)
		if e.Problem != "" || (e.Cost < e.Size) != c.linear && e.Size > 2*linearShare {
			t.Errorf("Regex(%.40q) = %+v, want few states: %v", c.expr, e, c.linear)
		}
	}
}

// The cost of an expression with many states covers each instruction that RE2 executes for a byte of a text that makes the most of it:
// such a step takes Envoy stepCost times as long as the unit of costs. Those of a program with few states are executed once for each state.
func TestCostCoversSteps(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		"[ab]*a[ab]{60}c", "[ab]*a[ab]{400}c", "[ab]*a[ab]{900}c", "(.*a.{20})+c", "([ab]*a[ab]{30}c?){25}z", "[ab]*a([ab]{0,3}){120}c", "(x[ab]*a.{40}){2}|[ab]*b.{300}",
	} {
		e := Regex(expr)
		steps := stepsPerByte(t, expr)
		if e.Problem != "" || e.Cost < stepCost*steps {
			t.Errorf("Regex(%q) = %+v, but a byte takes %d steps", expr, e, steps)
		}
	}
}

// stepsPerByte is how many instructions of the program of the expression match a byte of a text of a and b at the same time, at most.
func stepsPerByte(t *testing.T, expr string) (most int) {
	t.Helper()
	tree, problem := parseRegex(expr)
	if problem != "" {
		t.Fatal(problem)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		t.Fatal(err)
	}
	const plenty = 1 << 30 // neither states nor steps end the exploration
	d := determinizer{prog: prog, seen: map[string]bool{}, mark: make([]int, len(prog.Inst)), states: plenty, steps: plenty}
	d.closure([]uint32{uint32(prog.Start)})
	random := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		most = max(most, len(d.state))
		d.closure(slices.Clone(d.after(slices.Clone(d.state), rune('a'+random.IntN(2)))))
	}
	return most
}

// Expressions that ignore case are not parsed as characters, of which a class can have a million.
func TestFoldsCase(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]bool{
		`(?i)a`: true, `/(?s-i:é)`: true, `/(?P<i>x)`: false, `/(?:i)`: false, `/a(?`: false, `/(?(?i:x))`: true, `/i`: false,
	} {
		if got := foldsCase(expr); got != want {
			t.Errorf("foldsCase(%q) = %v", expr, got)
		}
	}
	for expr, invalid := range map[string]bool{`[ü-ä]`: true, `(?i)[ä-ü]`: false, strings.Repeat("(?i:[Ā-\U0010ffff])", 800): false} {
		if p := Regex(expr).Problem; (p != "") != invalid {
			t.Errorf("Regex(%.20q): %q", expr, p)
		}
	}
}

// The work on an expression is proportional to its length, whatever it says.
func TestWorkOnRegex(t *testing.T) {
	for name, expr := range map[string]string{
		"literal":      `/` + strings.Repeat("a", 4000),
		"repeats":      `/` + strings.Repeat("(a{1000})", 400),
		"nested":       `/` + strings.Repeat("((((a{10}){10}){10})", 20) + strings.Repeat(")", 20),
		"classes":      `/` + strings.Repeat(`\pL`, 1300),
		"many classes": `/` + strings.Repeat(`[^a-z]`, 660),
		"any":          `/` + strings.Repeat(`.{1000}`, 500),
		"states":       `/` + strings.Repeat(`.*a.{9}`, 500),
		"alternatives": `/` + strings.Repeat(`.*a|`, 1000),
		"groups":       `/` + strings.Repeat(`(`, 900) + strings.Repeat(`)?`, 900),
	} {
		for _, e := range []string{expr, expr[:len(expr)/2]} {
			const perByte, base = 40_000, 4 << 20
			if got, most := bytesAllocated(func() { Regex(e) }), uint64(len(e)*perByte+base); got > most {
				t.Errorf("%s: %d bytes are allocated for an expression of %d bytes, more than %d", name, got, len(e), most)
			}
		}
	}
}

// FuzzRegex checks that an expression that can be used compiles, as characters and as bytes.
func FuzzRegex(f *testing.F) {
	for _, s := range []string{`/a.*`, `/\p{Greek}\pL`, `(?i:é){1000}+`, `\x{100}`, `[[:alpha:]\377]`, `\Q%`, `.*a.{20}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		verdict := Regex(expr)
		if verdict.Problem != "" {
			return
		}
		if verdict.Size < 1 || verdict.Size > maxProgram || verdict.Cost < 1 {
			t.Errorf("%q: %+v", expr, verdict)
		}
		forms := []string{bytewise(expr)}
		if !foldsCase(expr) {
			forms = append(forms, expr)
		}
		for _, e := range forms {
			if _, err := regexp.Compile(e); err != nil {
				t.Errorf("%q: %v", expr, err)
			}
		}
	})
}

// The expression of wildcard hosts costs what WildcardCost says: see xds/translate for its text.
func TestWildcardCost(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"*.example.com", "*." + strings.Repeat("a.", 100) + "com"} {
		expr := `(?i)[a-z0-9]([-a-z0-9]*[a-z0-9])?\.` + regexp.QuoteMeta(host[2:]) + `(:[0-9]+)?`
		if got, want := WildcardCost(host), Regex(expr).Cost; got < want || got > want+3 {
			t.Errorf("%.20s: %d, want %d", host, got, want)
		}
	}
	if got := WildcardCost("www.example.com"); got != 0 {
		t.Errorf("a host without wildcard costs %d", got)
	}
}
