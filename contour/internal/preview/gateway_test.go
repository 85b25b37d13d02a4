package preview_test

import (
	"net/netip"
	"strings"
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/preview"
)

// gatewayConfig gives Gateways addresses, as the commands do.
func gatewayConfig() config.Config {
	c := config.Default()
	c.Gateways.Addresses = []netip.Prefix{netip.MustParsePrefix("127.1.0.0/16")}
	return c
}

// Requests for a host of a Gateway are explained at the listener of the Gateway.
func TestGatewayIsExplained(t *testing.T) {
	t.Parallel()
	p := load(t, gatewayConfig(), served)
	for url, want := range map[string]string{
		"http://site.example.com/x":         "answered by Service default/web",
		"http://site.example.com:8080/api":  "answered by Service default/web", // not POST
		"http://site.example.com:9999/x":    "404: no host site.example.com",
		"http://www.example.com/item/7":     "answered by Service default/api/http",
		"http://unknown.example.com:8080/x": "404: no host unknown.example.com",
	} {
		x, err := p.Explain(request(t, url))
		if err != nil || !strings.HasPrefix(x.Verdict, want) {
			t.Errorf("%s: %q, %v, want %q", url, x.Verdict, err, want)
		}
	}
	post := request(t, "http://site.example.com/api")
	post.Method = "POST"
	x, err := p.Explain(post)
	if err != nil || x.Verdict != "answered by Service default/api/http" {
		t.Fatalf("%q, %v", x.Verdict, err)
	}
	if i := len(x.Steps) - 2; i < 0 || x.Steps[i].Object.Name.Name != "site" || x.Steps[i].Field != "spec.rules[1]" || x.Steps[i].Line == 0 {
		t.Errorf("the route is none of %+v", x.Steps)
	}
}

// A route whose Gateway does not exist is reported: no controller does.
func TestMissingGatewayIsReported(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		edits []string
		want  string // "" for no finding
	}{
		{name: "it exists"},
		{name: "another name", edits: []string{"parentRefs: [{name: edge}]", "parentRefs: [{name: egde}]"}, want: "Gateway default/egde does not exist, so that it serves no route."},
		{name: "another namespace", edits: []string{"parentRefs: [{name: edge}]", "parentRefs: [{name: edge, namespace: infra}]"}, want: "Gateway infra/edge does not exist, so that it serves no route."},
		{name: "a kind of others", edits: []string{"parentRefs: [{name: edge}]", "parentRefs: [{name: web, kind: Service, group: ''}, {name: edge}]"}},
	} {
		p := load(t, gatewayConfig(), edited(t, served, c.edits...))
		var got []string
		for _, f := range p.Findings {
			if f.Reason == preview.ParentMissing {
				got = append(got, f.Message)
				if f.Severity != preview.Warning || f.Field != "spec.parentRefs[0]" || f.Line == 0 || f.Object.Name.Name != "site" {
					t.Errorf("%s: %+v", c.name, f)
				}
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The hosts of Gateways are listed with their listener.
func TestRoutesOfGateway(t *testing.T) {
	t.Parallel()
	for _, h := range load(t, gatewayConfig(), served).Routes() {
		if h.Host != "site.example.com" {
			continue
		}
		if h.Port != 8080 || h.TLS || len(h.Routes) != 2 || h.Routes[0].Field != "spec.rules[1]" || h.Routes[0].Action != "Service default/api/http" || h.Routes[1].Object.Name.Name != "site" {
			t.Errorf("%+v", h)
		}
		return
	}
	t.Error("the host is not listed")
}
