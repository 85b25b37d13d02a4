package preview_test

import (
	"slices"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// Notes are about what is served as specified, and often is not what was meant.
func TestNotes(t *testing.T) {
	t.Parallel()
	const annotated = ingress + "metadata: {name: i, annotations: {nginx.ingress.kubernetes.io/rewrite-target: /}}\n" +
		"spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}"
	const plain = proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: A.example.com}, routes: [{services: [{name: web, port: 80}]}]}"
	for _, c := range []struct {
		name, manifests string
		invalid         bool // one of the objects
		want            []string
	}{
		{name: "nothing", manifests: strings.Replace(plain, "A.", "a.", 1)},
		{name: "an annotation of another controller", manifests: annotated, want: []string{
			`Ingress default/i metadata.annotations: The annotation "nginx.ingress.kubernetes.io/rewrite-target" is of another ingress controller and has no effect.`,
		}},
		{name: "a host of an HTTPProxy and an Ingress", manifests: strings.Replace(plain, "A.", "a.", 1) + "\n---\n" + strings.Replace(annotated, "nginx.ingress.kubernetes.io", "example.com", 1), want: []string{
			`Ingress default/i spec.rules[0].host: Host "a.example.com" is also of HTTPProxy default/a, whose routes take precedence over those of Ingresses with equal conditions.`,
		}},
		{
			name: "another host of an HTTPProxy",
			manifests: proxy + "metadata: {name: c}\nspec: {virtualhost: {fqdn: b.example.com}, routes: [{services: [{name: web, port: 80}]}]}\n---\n" +
				strings.Replace(annotated, "nginx.ingress.kubernetes.io", "example.com", 1),
		},
		{
			name: "a host that an HTTPProxy has lost to another one", invalid: true,
			manifests: strings.NewReplacer("A.", "a.", "{name: a}", "{name: b, creationTimestamp: '2020-01-01T00:00:00Z'}").Replace(plain) + "\n---\n" +
				strings.NewReplacer("A.", "a.", "{name: a}", "{name: a, creationTimestamp: '2021-01-01T00:00:00Z'}").Replace(plain) + "\n---\n" +
				strings.Replace(annotated, "nginx.ingress.kubernetes.io", "example.com", 1),
			want: []string{
				`Ingress default/i spec.rules[0].host: Host "a.example.com" is also of HTTPProxy default/b, whose routes take precedence over those of Ingresses with equal conditions.`,
			},
		},
		{
			name: "equal routes",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: web, port: 80}]}, " +
				"{conditions: [{prefix: /b}], services: [{name: web, port: 80}]}, {conditions: [{prefix: /}], services: [{name: api, port: 80}]}]}",
			want: []string{"HTTPProxy default/a spec.routes[0]: The route is not served: spec.routes[2] has the same conditions, and the last of equal routes is served."},
		},
		{
			name:      "a Service without endpoints",
			manifests: proxy + "metadata: {name: a}\nspec: {virtualhost: {fqdn: a.example.com}, routes: [{services: [{name: idle, port: 80}]}, {conditions: [{prefix: /b}], services: [{name: idle, port: 80}]}]}",
			want:      []string{`HTTPProxy default/a : Service "default/idle" has no endpoint that is ready.`},
		},
		{
			name:      "a class that is not served",
			manifests: strings.Replace(annotated, "spec: {rules", "spec: {ingressClassName: other, rules", 1),
			want:      []string{`Ingress default/i spec.ingressClassName: Ingress class "other" is not served; served are: none and contour.`},
		},
	} {
		p, err := preview.Load(preview.Options{Paths: []string{"-"}, Stdin: strings.NewReader(services + c.manifests), Config: config.Default()})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range p.Findings {
			if c.invalid && f.Severity == preview.Error {
				continue
			}
			if f.Severity != preview.Note {
				t.Errorf("%s: %s: %s", c.name, f.Severity, f.Message)
			}
			got = append(got, f.Object.String()+" "+f.Field+": "+f.Message)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
