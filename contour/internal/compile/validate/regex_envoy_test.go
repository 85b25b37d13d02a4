//go:build envoy

package validate

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"contour.example/contour/internal/envoytest"

	"contour.example/contour/internal/randomtest"
)

// The estimate of the size of a program is never below what Envoy compares with re2.max_program_size, and for what people write
// not far above it: Envoy simplifies repeated assertions and classes.
func TestSizeIsThatOfEnvoy(t *testing.T) {
	t.Parallel()
	seed := randomtest.Seed(t)
	r := rand.New(rand.NewPCG(seed, 1))
	exprs := []string{
		`/`, `/api/v[0-9]+/.*`, `/(a|b)+/\d{1,3}`, `/(?i:shop|store)(/.*)?`, `/[^/]{1,900}`, `/\p{Greek}\pL\p{^Lu}`, `/.*a.{20}`,
		`/(x+x+)+y`, `(?i)[a-f]{8}-straße`, `\bword\b|^$`, `/\x{ff}\xff\377[ä-ü]+ü`, `(?s).*`, `/(?:a{0,3}b?){2,5}c*?`, `[[:alnum:]]+@[a-z.]{2,64}`,
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, strings.Repeat("/(.{0,30}a)", 20), `/` + strings.Repeat("abcdefghij|", 100) + "z",
		`/(((a{10}){10}){9}b)?`, `(?i:googlebot|bingbot|slurp|duckduckbot|baiduspider|yandex)`,
	}
	known := len(exprs)
	exprs = append(exprs, strings.Repeat("[^/]|[^/]|.|", 300), `(?:`+strings.Repeat(`\w|.|.|`, 50)+`a){20}`)
	atoms := []string{"a", "/x", ".", `\d`, "[a-z_]", "[^/]", "ü", "(?i:kS)", `\w`, "^", "$", `\b`, "(?:)", "(?s:.)", `[]|[:^digit:]|]`, `\Qa|b\E`, "abc", "abd"}
	for len(exprs) < 20_000 {
		r.Shuffle(len(atoms), func(i, j int) { atoms[i], atoms[j] = atoms[j], atoms[i] })
		if expr := randomRegex(r, atoms[:1+r.IntN(len(atoms))], 4); Regex(expr).Problem == "" { // more than 1,000 repetitions are a problem
			exprs = append(exprs, expr)
		}
	}
	const nothing = 1 // the size of what matches no text
	sizes := sizesInEnvoy(t, exprs)
	for i, expr := range exprs {
		size, ok := sizes[expr]
		if !ok {
			t.Fatalf("%q: Envoy names no size", expr)
		}
		verdict := Regex(expr)
		if verdict.Problem != "" {
			t.Errorf("%q: %s", expr, verdict.Problem)
			continue
		}
		if verdict.Size < size || i < known && verdict.Size > 2*size+16 && size > nothing {
			t.Errorf("%q: %d in Envoy, estimated as %d", expr, size, verdict.Size)
		}
	}
}

// randomRegex is an expression of a few operators and atoms.
func randomRegex(r *rand.Rand, atoms []string, depth int) string {
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return randomRegex(r, atoms, depth-1-r.IntN(2)*min(depth-1, 1)) }
	switch r.IntN(9) {
	case 6:
		return sub() + strings.Repeat("|"+sub(), 1+r.IntN(3)) + strings.Repeat("|"+sub(), r.IntN(3))
	case 7:
		return "(?:" + sub() + "){" + strconv.Itoa([]int{0, 1, 2, 40}[r.IntN(4)]) + "}?"
	case 0:
		return sub() + sub()
	case 1:
		return sub() + sub() + sub()
	case 2:
		return "(" + sub() + "|" + sub() + ")"
	case 3:
		return "(?:" + sub() + "|" + sub() + "|" + sub() + ")*"
	case 4:
		return "(" + sub() + ")?"
	case 5:
		return "(?:" + sub() + "){" + strconv.Itoa(r.IntN(4)) + "," + strconv.Itoa(4+r.IntN(5)) + "}"
	default:
		return "(?:" + sub() + ")+"
	}
}

// sizesInEnvoy are the sizes of the programs of expressions, of which Envoy warns when it expects programs to have none.
func sizesInEnvoy(t *testing.T, exprs []string) map[string]int {
	t.Helper()
	type object = map[string]any
	typed := func(name string, o object) object {
		o["@type"] = "type.googleapis.com/envoy.extensions.filters." + name
		return o
	}
	routes := make([]object, len(exprs))
	for i, expr := range exprs {
		routes[i] = object{"match": object{"safe_regex": object{"regex": expr}}, "direct_response": object{"status": 200}}
	}
	manager := typed("network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix":  "a",
		"route_config": object{"virtual_hosts": []object{{"name": "v", "domains": []string{"*"}, "routes": routes}}},
		"http_filters": []object{{"name": "router", "typed_config": typed("http.router.v3.Router", object{})}},
	})
	config := object{
		"layered_runtime": object{"layers": []object{{"name": "base", "static_layer": object{
			"re2.max_program_size.error_level": 1 << 30, "re2.max_program_size.warn_level": 0,
		}}}},
		"static_resources": object{"listeners": []object{{
			"name": "l", "address": object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}},
			"filter_chains": []object{{"filters": []object{{"name": "hcm", "typed_config": manager}}}},
		}}},
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "envoy.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), envoytest.Path(t), "--mode", "validate", "--log-level", "warn", "--base-id", "0", "--use-dynamic-base-id", "-c", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out[max(0, len(out)-2000):])
	}
	sizes := map[string]int{}
	for _, m := range regexp.MustCompile(`regex '(.*)' RE2 program size of (\d+)`).FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.Atoi(m[2])
		if err != nil {
			t.Fatal(err)
		}
		sizes[m[1]] = n
	}
	return sizes
}
