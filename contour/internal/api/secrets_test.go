package api_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/store"
)

// Secrets, and what may be one, are in no answer.
func TestNothingSecret(t *testing.T) {
	t.Parallel()
	const canary = "CANARY7b1f0c5d9e2a4468"
	c := start(t, 1, nil)
	private, planted := plant(t, canary)
	c.step(planted...)
	host := named(0) + ".example.com"
	paths := append(lists(), "objects/HTTPProxy/team/"+named(0), "changes", "resources?type=SDS", "routes?host="+host)
	for _, q := range []url.Values{
		{"url": {"https://" + host + "/?token=" + canary}, "header": {"x-api-key: " + canary, "Authorization: Bearer " + canary}},
		{"url": {"https://user:" + canary + "@" + host + "/direct?code=" + canary}},
		{"url": {"https://" + host + "/bad"}},
		{"url": {"http://" + host + "/?token=" + canary}},
		{"url": {"https://other.example/?token=" + canary}},
		{"url": {"://" + canary}},
		{"url": {"http://" + host}, "header": {canary}},
	} {
		paths = append(paths, "explain?"+q.Encode())
	}
	seen := ""
	for _, path := range paths {
		_, text := c.get("/api/v1/" + path)
		seen += text
		if strings.Contains(text, canary) || strings.Contains(text, private) || strings.Contains(text, "PRIVATE KEY") {
			t.Errorf("%s shows a secret: %s", path, text)
		}
	}
	for _, part := range []string{"x-api-key", `"****`, "RequestHeadersPolicyInvalid", "SDS"} { // else the test proves nothing
		if !strings.Contains(seen, part) {
			t.Errorf("no answer has %s", part)
		}
	}
}

// plant returns objects with the canary wherever a secret may be, and a line of the private key of one of them.
func plant(t *testing.T, canary string) (private string, objects []store.Change) {
	t.Helper()
	bundle, err := certs.Generate(certs.Options{Namespace: "team", LifetimeDays: 10, Now: stagetest.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pair := bundle.Secrets(certs.SecretOptions{Namespace: "team", Format: certs.Compact})[0]
	private = strings.Split(string(pair.Data[corev1.TLSPrivateKeyKey]), "\n")[1]
	pair.Annotations = map[string]string{"note": canary}
	p := proxy(0, "/").Object.(*contourv1.HTTPProxy)
	p.Annotations = map[string]string{"kubectl.kubernetes.io/last-applied-configuration": canary}
	p.Labels = map[string]string{"label": canary}
	p.Spec.VirtualHost.TLS = &contourv1.TLS{SecretName: pair.Name}
	p.Spec.VirtualHost.JWTProviders = []contourv1.JWTProvider{{Name: "p", Issuer: "issuer.example", LocalJWKS: &contourv1.LocalJWKS{SecretName: "keys", Key: "jwks"}}}
	p.Spec.Routes[0].Conditions = append(p.Spec.Routes[0].Conditions,
		contourv1.MatchCondition{Header: &contourv1.HeaderMatchCondition{Name: "x-api-key", Exact: canary}},
		contourv1.MatchCondition{QueryParameter: &contourv1.QueryParameterMatchCondition{Name: "token", Exact: canary}},
	)
	p.Spec.Routes[0].RequestHeadersPolicy = &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "Authorization", Value: "Bearer " + canary}, {Name: "X", Value: canary}}}
	p.Spec.Routes[0].ResponseHeadersPolicy = &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "Set-Cookie", Value: canary}}}
	p.Spec.Routes = append(p.Spec.Routes, contourv1.Route{
		Conditions:           []contourv1.MatchCondition{{Prefix: "/direct"}},
		DirectResponsePolicy: &contourv1.HTTPDirectResponsePolicy{StatusCode: 200, Body: strings.Repeat("x", 200) + canary},
	}, contourv1.Route{
		Conditions:           []contourv1.MatchCondition{{Prefix: "/bad"}},
		Services:             []contourv1.Service{{Name: "s", Port: 80}},
		RequestHeadersPolicy: &contourv1.HeadersPolicy{Set: []contourv1.HeaderValue{{Name: "Authorization", Value: "Bearer " + canary + "\n"}}},
	})
	return private, []store.Change{
		{Key: key(kobj.Secret, pair.Name), Object: pair},
		{Key: key(kobj.Secret, "keys"), Object: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "keys", Annotations: map[string]string{"a": canary}},
			Data:       map[string][]byte{"jwks": fmt.Appendf(nil, `{"keys":[{"kty":"oct","alg":"HS256","k":%q}]}`, canary)},
		}},
		{Key: key(kobj.HTTPProxy, named(0)), Object: p},
	}
}
