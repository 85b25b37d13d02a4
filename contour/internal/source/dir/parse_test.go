package dir

import (
	"bytes"
	"testing"
)

// FuzzParse checks that no text panics, and that each problem has a line of the text.
func FuzzParse(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}\n...\n--- {}\n"), false)
	f.Add([]byte("a: &a [*a]\n---\n<<: {}\n%"), false)
	f.Add([]byte("apiVersion: projectcontour.io/v1\nkind: HTTPProxy\nmetadata: {name: x}\nspec: {routes: [{services: [{port: x}]}]}\n"), false)
	f.Add([]byte(`{"apiVersion":"v1","kind":"List","items":[{},[],null,{"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"x"},"subsets":[{}]}]}`), true)
	f.Fuzz(func(t *testing.T, text []byte, isJSON bool) {
		path := "x.yaml"
		if isJSON {
			path = "x.json"
		}
		got := parse(path, text)
		lines := bytes.Count(text, []byte("\n")) + 2 // YAML counts other line ends too
		for _, p := range got.problems {
			if p.Line < 1 || p.Line > lines+bytes.Count(text, []byte("\r"))+bytes.Count(text, []byte("\u2028"))+bytes.Count(text, []byte("\u2029"))+bytes.Count(text, []byte("\u0085")) || p.Message == "" {
				t.Errorf("a problem in line %d of %d: %q", p.Line, lines, p.Message)
			}
		}
		for _, e := range got.entries {
			if e.invalid != (e.objects == nil) || e.invalid && len(got.problems) == 0 {
				t.Errorf("%s: invalid %t without a problem", e.key, e.invalid)
			}
		}
	})
}
