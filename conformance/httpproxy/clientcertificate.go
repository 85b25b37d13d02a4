package httpproxy

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"contour.example/conformance/suite"
	"contour.example/harness/pki"
	"contour.example/harness/traffic"
)

// clientCertificates are tests of the validation of clients.
func clientCertificates() []suite.Test {
	one := func(name, sentence string, run func(*suite.T, *authority)) suite.Test {
		return suite.Test{
			Name: "httpproxy/" + name, Sentence: sentence, Features: extended(clientValidation), Backends: backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run:          func(t *suite.T) { run(t, newAuthority(t)) },
		}
	}
	return []suite.Test{
		{
			Name:         "httpproxy/fallback-certificate-absent",
			Sentence:     "Where the controller has no fallback certificate, a host that enables it is invalid, and clients without its server name are refused.",
			Features:     extended(noFallback),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}", "b.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://b.${DOMAIN}/", suite.From("shop"))
				invalid(t, "a", "TLSError", "FallbackNotPresent")
				t.TLSRejected(suite.Request{URL: "https://a.${DOMAIN}/", ServerName: "unknown.${DOMAIN}"}, suite.Closed, "unrecognized name")
			},
		},
		one("client-certificate", "A host with a CA serves clients with a certificate of it, and no others.", validateClients),
		one("client-certificate-optional", "Optional certificates are validated, and clients without one are served.", validateOptional),
		one("client-certificate-skipped", "Without validation, any certificate is accepted, and required if there is a CA.", acceptAny),
		one("client-certificate-revoked", "Revoked certificates are refused, also by a list that is replaced.", revoke),
		{
			Name:     "httpproxy/client-certificate-revoked-leaf",
			Sentence: "Only the certificate of the client itself is looked up in lists, if the host says so; otherwise every authority of its chain needs a list.",
			Features: extended(clientValidation), Backends: backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}", "b.${DOMAIN}"}}},
			Run:          revokeLeaf,
		},
		one("client-certificate-forwarded", "Backends learn the parts of the certificate that the host forwards, and none that the client claims.", forward),
		one("client-certificate-without-ca", "A host whose CA does not exist is invalid, and serves nobody, until it exists.", awaitAuthority),
	}
}

// authority is a CA of clients.
type authority struct {
	t               *suite.T
	ca              *pki.CA
	issuer          *pki.CA   // of the certificates and the list, if it is not ca
	good, bad, none *pki.Pair // none is of another CA
}

func newAuthority(t *suite.T) *authority {
	a := &authority{t: t}
	var err error
	if a.ca, err = pki.New("clients"); err != nil {
		t.Failf("%w", err)
		return a
	}
	other, err := pki.New("strangers")
	if err != nil {
		t.Failf("%w", err)
		return a
	}
	a.good, a.bad, a.none = issue(t, a.ca, "good"), issue(t, a.ca, "bad"), issue(t, other, "stranger")
	return a
}

func issue(t *suite.T, by *pki.CA, name string) *pki.Pair {
	pair, err := by.Issue(pki.Request{CommonName: name, Names: []string{name + ".example.com", "spiffe://example.com/" + name}})
	if err != nil {
		t.Failf("%w", err)
	}
	return &pair
}

// publish applies a Secret with the CA, and one with its list of the certificates.
func (a *authority) publish(revoked ...*pki.Pair) {
	var pairs []pki.Pair
	for _, p := range revoked {
		pairs = append(pairs, *p)
	}
	lists := a.ca
	if a.issuer != nil {
		lists = a.issuer
	}
	list, err := lists.Revoke(pairs...)
	if err != nil {
		a.t.Failf("%w", err)
		return
	}
	for name, data := range map[string][]byte{"ca.crt": a.ca.Cert, "crl.pem": list} {
		secret, _, _ := strings.Cut(name, ".")
		a.t.Apply(fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: "${NAMESPACE}"}
type: Opaque
data: {%s: %s}
`, secret, name, base64.StdEncoding.EncodeToString(data)))
	}
}

// as is a request of a client; nil for one without a certificate.
func as(client *pki.Pair) suite.Request {
	return suite.Request{
		URL: "https://a.${DOMAIN}/", Client: client, Headers: map[string]string{"X-Forwarded-Client-Cert": "Hash=forged"},
	}
}

func validateClients(t *suite.T, a *authority) {
	a.publish()
	t.Send(as(a.good), suite.From("shop"), suite.Sent("X-Forwarded-Client-Cert", ""))
	// A client does not show a certificate of an authority that the proxy does not name.
	t.TLSRejected(as(a.none), suite.Closed, "unknown certificate authority", "bad certificate", "certificate required", "handshake failure")
	t.TLSRejected(as(nil), suite.Closed, "certificate required", "handshake failure")
	t.Get("http://a.${DOMAIN}/", t.Redirect(301, "https://a.${DOMAIN}/"))
	valid(t, "a")
}

func validateOptional(t *suite.T, a *authority) {
	a.publish()
	t.Send(as(a.good), suite.From("shop"))
	t.Send(as(nil), suite.From("shop"), suite.Sent("X-Forwarded-Client-Cert", ""))
	valid(t, "a")
}

func acceptAny(t *suite.T, a *authority) {
	a.publish()
	t.Send(as(a.good), suite.From("shop"))
	t.TLSRejected(as(nil), suite.Closed, "certificate required", "handshake failure")
	valid(t, "a")
}

func revoke(t *suite.T, a *authority) {
	a.publish()
	t.Send(as(a.good), suite.From("shop"))
	t.Send(as(a.bad), suite.From("shop"))
	a.publish(a.bad)
	t.TLSRejected(as(a.bad), suite.Closed, "revoked certificate", "bad certificate")
	t.Send(as(a.good), suite.From("shop"))
	valid(t, "a")
}

func revokeLeaf(t *suite.T) {
	a := newAuthority(t)
	var err error
	if a.issuer, err = a.ca.Intermediate("issuer"); err != nil {
		t.Failf("%w", err)
		return
	}
	a.good, a.bad = issue(t, a.issuer, "good"), issue(t, a.issuer, "bad")
	a.publish(a.bad)
	t.Send(as(a.good), suite.From("shop"))
	t.TLSRejected(as(a.bad), suite.Closed, "revoked certificate", "bad certificate")
	other := as(a.good)
	other.URL = "https://b.${DOMAIN}/"
	t.TLSRejected(other, suite.Closed, "unknown certificate authority", "bad certificate", "certificate unknown")
	valid(t, "a")
	valid(t, "b")
}

func forward(t *suite.T, a *authority) {
	a.publish()
	t.Send(as(a.good), suite.From("shop"), func(answer traffic.Answer) string {
		got := strings.Split(answer.Echo.Headers.Get("X-Forwarded-Client-Cert"), ";")
		for _, want := range []string{`Subject="CN=good"`, "DNS=good.example.com", "URI=spiffe://example.com/good"} {
			if !slices.Contains(got, want) {
				return fmt.Sprintf("the backend receives %q without %s", got, want)
			}
		}
		if !hasCertificate(got, "Cert", a.good) || !hasCertificate(got, "Chain", a.good) || slices.Contains(got, "Hash=forged") {
			return fmt.Sprintf("the backend receives %q", got)
		}
		return ""
	})
}

// hasCertificate reports whether the elements of the header have the certificate, PEM and escaped as in a URL, under the key.
func hasCertificate(elements []string, key string, want *pki.Pair) bool {
	return slices.ContainsFunc(elements, func(e string) bool {
		escaped, found := strings.CutPrefix(e, key+`="`)
		text, err := url.PathUnescape(strings.TrimSuffix(escaped, `"`))
		return found && err == nil && strings.TrimSpace(text) == strings.TrimSpace(string(want.Cert))
	})
}

func awaitAuthority(t *suite.T, a *authority) {
	invalid(t, "a", "TLSError", "ClientValidationInvalid")
	a.publish()
	t.Send(as(a.good), suite.From("shop"))
	valid(t, "a")
}
