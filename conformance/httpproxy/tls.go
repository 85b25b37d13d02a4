package httpproxy

import (
	"crypto/tls"

	"contour.example/conformance/suite"
)

func certificates() []suite.Test { return append(ownCertificates(), handshakes()...) }

// ownCertificates are tests of hosts with a certificate of their own namespace.
func ownCertificates() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/tls",
			Sentence: "A host with a certificate is served over HTTPS, with HTTP/1.1 and HTTP/2, each host with its own certificate; HTTP redirects to HTTPS.",
			Features: core(encryption),
			Backends: backends("one", "two"),
			Certificates: []suite.Certificate{
				{Name: "a", Hosts: []string{"a.${DOMAIN}"}}, {Name: "b", Hosts: []string{"b.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/x", suite.From("one"), suite.Sent("X-Forwarded-Proto", "https"))
				t.Send(suite.Request{URL: "https://a.${DOMAIN}/x", HTTP2: true}, suite.From("one"))
				t.Get("https://b.${DOMAIN}/x", suite.From("two"))
				t.Get("http://a.${DOMAIN}/x?y=1", t.Redirect(301, "https://a.${DOMAIN}/x?y=1"))
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/permit-insecure",
			Sentence:     "A route with permitInsecure is served over HTTP as well; the others of its host are not.",
			Features:     core(encryption),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/open", suite.From("shop"))
				t.Get("https://a.${DOMAIN}/open", suite.From("shop"))
				t.Get("http://a.${DOMAIN}/", t.Redirect(301, "https://a.${DOMAIN}/"))
			},
		},
		{
			Name:         "httpproxy/tls-wildcard-host",
			Sentence:     "A wildcard host is served over HTTPS.",
			Features:     core(encryption),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"*.w.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://x.w.${DOMAIN}/", suite.From("shop"))
				t.Get("https://y.w.${DOMAIN}/", suite.From("shop"))
			},
		},
		{
			Name:         "httpproxy/tls-renewed-secret",
			Sentence:     "A certificate that is replaced in its Secret is replaced on the host.",
			Features:     core(encryption),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				t.Issue(suite.Certificate{Name: "cert", Hosts: []string{"a.${DOMAIN}", "new.${DOMAIN}"}})
				t.Get("https://a.${DOMAIN}/", suite.From("shop"), suite.CertifiedFor(t.Expand("new.${DOMAIN}")))
			},
		},
		{
			Name:     "httpproxy/tls-opaque-secret",
			Sentence: "A certificate may be in a Secret of type Opaque as well.",
			Features: core(encryption),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Issue(suite.Certificate{Name: "cert", Hosts: []string{"a.${DOMAIN}"}, Opaque: true})
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/tls-late-secret",
			Sentence: "A host without its Secret is invalid with a reason, and is served once the Secret exists.",
			Features: core(encryption),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				invalid(t, "a", "TLSError", "SecretNotValid")
				t.Issue(suite.Certificate{Name: "cert", Hosts: []string{"a.${DOMAIN}"}})
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
	}
}

// handshakes are tests of other properties of certificates and connections.
func handshakes() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/tls-misdirected",
			Sentence: "A request for a host with another certificate than that of its TLS connection is answered with 421.",
			Features: core(encryption),
			Backends: backends("shop"),
			Certificates: []suite.Certificate{
				{Name: "cert-a", Hosts: []string{"a.${DOMAIN}"}}, {Name: "cert-b", Hosts: []string{"b.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://b.${DOMAIN}/", suite.From("shop"))
				t.Send(suite.Request{URL: "https://b.${DOMAIN}/", ServerName: "a.${DOMAIN}"}, suite.Status(421))
				t.Send(suite.Request{URL: "https://b.${DOMAIN}/", ServerName: "a.${DOMAIN}", HTTP2: true}, suite.Status(421))
			},
		},
		{
			Name:         "httpproxy/tls-delegation",
			Sentence:     "A certificate of another namespace is used only if that namespace delegates it.",
			Features:     extended(delegation),
			Namespaces:   []string{"certs"},
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Namespace: "certs", Hosts: []string{"a.${DOMAIN}"}}},
			Run:          delegate,
		},
		{
			Name:         "httpproxy/tls-delegation-to-all",
			Sentence:     "A certificate that is delegated to * may be used by every namespace.",
			Features:     extended(delegation),
			Namespaces:   []string{"certs"},
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Namespace: "certs", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/tls-versions",
			Sentence: "A host with a minimum version of TLS rejects older ones.",
			Features: extended(versions),
			Backends: backends("shop"),
			Certificates: []suite.Certificate{
				{Name: "new", Hosts: []string{"new.${DOMAIN}"}}, {Name: "old", Hosts: []string{"old.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://new.${DOMAIN}/", suite.From("shop"))
				t.Send(suite.Request{URL: "https://old.${DOMAIN}/", MaxTLS: tls.VersionTLS12}, suite.From("shop"))
				t.TLSRejected(suite.Request{URL: "https://new.${DOMAIN}/", MaxTLS: tls.VersionTLS12}, "protocol version not supported")
				valid(t, "new")
			},
		},
	}
}

func delegate(t *suite.T) {
	invalid(t, "a", "TLSError", "DelegationNotPermitted")
	t.Apply(`
apiVersion: projectcontour.io/v1
kind: TLSCertificateDelegation
metadata: {name: certs, namespace: "${NAMESPACE}-certs"}
spec:
  delegations:
  - {secretName: cert, targetNamespaces: ["${NAMESPACE}"]}
`)
	t.Get("https://a.${DOMAIN}/", suite.From("shop"))
	valid(t, "a")
}
