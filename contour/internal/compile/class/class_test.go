package class

import "testing"

func TestMatches(t *testing.T) {
	t.Parallel()
	const contour, kubernetes = "projectcontour.io/ingress.class", "kubernetes.io/ingress.class"
	for _, tc := range []struct {
		name        string
		annotations map[string]string
		field       string
		configured  []string
		want        bool
	}{
		{name: "no class, none configured", want: true},
		{name: "class contour, none configured", field: "contour", want: true},
		{name: "other class, none configured", field: "nginx"},
		{name: "no class, one configured", configured: []string{"a"}},
		{name: "contour is not special when classes are configured", field: "contour", configured: []string{"a"}},
		{name: "one of the configured", field: "b", configured: []string{"a", "b"}, want: true},
		{name: "the annotation of Contour precedes that of Kubernetes", annotations: map[string]string{contour: "a", kubernetes: "nginx"}, configured: []string{"a"}, want: true},
		{name: "the annotation of Kubernetes precedes the field", annotations: map[string]string{kubernetes: "nginx"}, field: "a", configured: []string{"a"}},
		{name: "an empty annotation has no effect", annotations: map[string]string{contour: "", kubernetes: ""}, field: "a", configured: []string{"a"}, want: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := Matches(tc.annotations, tc.field, tc.configured); got != tc.want {
				t.Errorf("Matches() = %v, want %v", got, tc.want)
			}
		})
	}
}
