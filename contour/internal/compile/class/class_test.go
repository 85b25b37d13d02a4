package class

import "testing"

func TestMatches(t *testing.T) {
	t.Parallel()
	const own, old = "projectcontour.io/ingress.class", "kubernetes.io/ingress.class"
	for _, tc := range []struct {
		name        string
		annotations map[string]string
		field       string
		configured  []string
		want        bool
	}{
		{name: "no class, none configured", want: true},
		{name: "class contour, none configured", field: "contour", want: true},
		{name: "foreign class, none configured", field: "nginx"},
		{name: "no class, one configured", configured: []string{"a"}},
		{name: "contour is not special when classes are configured", field: "contour", configured: []string{"a"}},
		{name: "one of the configured", field: "b", configured: []string{"a", "b"}, want: true},
		{name: "our annotation beats the old one", annotations: map[string]string{own: "a", old: "nginx"}, configured: []string{"a"}, want: true},
		{name: "the old annotation beats the field", annotations: map[string]string{old: "nginx"}, field: "a", configured: []string{"a"}},
		{name: "an empty annotation says nothing", annotations: map[string]string{own: "", old: ""}, field: "a", configured: []string{"a"}, want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Matches(tc.annotations, tc.field, tc.configured); got != tc.want {
				t.Errorf("Matches() = %v, want %v", got, tc.want)
			}
		})
	}
}
