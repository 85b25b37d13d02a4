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
)

// The estimate of the size of a program is never below what Envoy compares with re2.max_program_size, and not far above it
// unless the expression has repeated assertions, which Envoy simplifies.
func TestSizeIsThatOfEnvoy(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	exprs := []string{
		`/`, `/api/v[0-9]+/.*`, `/(a|b)+/\d{1,3}`, `/(?i:shop|store)(/.*)?`, `/[^/]{1,900}`, `/\p{Greek}\pL\p{^Lu}`, `/.*a.{20}`,
		`/(x+x+)+y`, `(?i)[a-f]{8}-straße`, `\bword\b|^$`, `/\x{ff}\xff\377[ä-ü]+ü`, `(?s).*`, `/(?:a{0,3}b?){2,5}c*?`, `[[:alnum:]]+@[a-z.]{2,64}`,
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, strings.Repeat("/(.{0,30}a)", 20), `/` + strings.Repeat("abcdefghij|", 100) + "z",
		`/(((a{10}){10}){9}b)?`, `(?i:googlebot|bingbot|slurp|duckduckbot|baiduspider|yandex)`,
	}
	known := len(exprs)
	for range 60 {
		exprs = append(exprs, randomRegex(r, 4))
	}
	const nothing = 1 // the size of what matches no text
	for i, expr := range exprs {
		verdict := Regex(expr)
		if verdict.Problem != "" {
			t.Errorf("%q: %s", expr, verdict.Problem)
			continue
		}
		size := sizeInEnvoy(t, expr)
		t.Logf("%d in Envoy, estimated as %d: %.60q", size, verdict.Size, expr)
		if verdict.Size < size || i < known && verdict.Size > 2*size+16 && size > nothing {
			t.Errorf("%q: %d in Envoy, estimated as %d", expr, size, verdict.Size)
		}
	}
}

// randomRegex is an expression of a few operators.
func randomRegex(r *rand.Rand, depth int) string {
	atoms := []string{"a", "/x", ".", `\d`, "[a-z_]", "[^/]", "ü", "(?i:kS)", `\w`, "^", "$", `\b`}
	if depth == 0 {
		return atoms[r.IntN(len(atoms))]
	}
	sub := func() string { return randomRegex(r, depth-1-r.IntN(2)*min(depth-1, 1)) }
	switch r.IntN(7) {
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

// sizeInEnvoy is the size of the program of an expression, which Envoy names when it permits none.
func sizeInEnvoy(t *testing.T, expr string) int {
	t.Helper()
	type object = map[string]any
	typed := func(name string, o object) object {
		o["@type"] = "type.googleapis.com/envoy.extensions.filters." + name
		return o
	}
	routes := object{"virtual_hosts": []object{{"name": "v", "domains": []string{"*"}, "routes": []object{{
		"match": object{"safe_regex": object{"regex": expr}}, "direct_response": object{"status": 200},
	}}}}}
	manager := typed("network.http_connection_manager.v3.HttpConnectionManager", object{
		"stat_prefix": "a", "route_config": routes,
		"http_filters": []object{{"name": "router", "typed_config": typed("http.router.v3.Router", object{})}},
	})
	config := object{
		"layered_runtime": object{"layers": []object{{"name": "base", "static_layer": object{"re2.max_program_size.error_level": 0}}}},
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
	out, _ := exec.CommandContext(t.Context(), envoytest.Path(t), "--mode", "validate", "--log-level", "error", "--base-id", "0", "--use-dynamic-base-id", "-c", file).CombinedOutput()
	m := regexp.MustCompile(`program size of (\d+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("%q: Envoy says %s", expr, out)
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n
}
