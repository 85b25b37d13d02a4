package httpproxy

import "contour.example/conformance/suite"

// upstreams are tests of what is spoken to Services.
func upstreams() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/upstream-h2c",
			Sentence: "A Service of protocol h2c is spoken to in HTTP/2 without TLS, another one in HTTP/1.1.",
			Features: extended(protocol),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentProtocol("HTTP/1.1", false))
				t.Get("http://a.${DOMAIN}/h2c", suite.From("shop"), suite.SentProtocol("HTTP/2.0", false))
			},
		},
		{
			Name:         "httpproxy/grpc",
			Sentence:     "gRPC gets through to a Service of protocol h2c with its trailers, over TLS and without.",
			Features:     extended(protocol),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.RPC("http://a.${DOMAIN}", "shop")
				t.RPC("https://a.${DOMAIN}", "shop")
			},
		},
		{
			Name:     "httpproxy/upstream-protocol-of-service",
			Sentence: "What is spoken to a Service is said by its appProtocol or by its annotation, if the route does not say it.",
			Features: extended(protocol),
			Backends: []suite.Backend{
				{Name: "app", AppProtocol: "kubernetes.io/h2c"},
				{Name: "annotated", PortName: "web", Annotations: map[string]string{"projectcontour.io/upstream-protocol.h2c": "web"}},
				{Name: "encrypted", TLS: "encrypted.${DOMAIN}", Annotations: map[string]string{"projectcontour.io/upstream-protocol.tls": "80"}},
			},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/app", suite.From("app"), suite.SentProtocol("HTTP/2.0", false))
				t.Get("http://a.${DOMAIN}/annotated", suite.From("annotated"), suite.SentProtocol("HTTP/2.0", false))
				t.Get("http://a.${DOMAIN}/encrypted", suite.From("encrypted"), suite.SentProtocol("HTTP/1.1", true))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/upstream-tls",
			Sentence: "A Service of protocol tls or h2 is spoken to over TLS, and only if its certificate is what the validation asks for.",
			Features: extended(upstreamTLS),
			Backends: []suite.Backend{{Name: "shop", Port: 443, TLS: "shop.${DOMAIN}"}},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/tls", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				t.Get("http://a.${DOMAIN}/h2/", suite.From("shop"), suite.SentProtocol("HTTP/2.0", true))
				t.Get("http://a.${DOMAIN}/verified", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				t.Get("http://a.${DOMAIN}/another-subject", suite.Status(503))
				t.Get("http://a.${DOMAIN}/another-authority", suite.Status(503))
				valid(t, "a")
			},
		},
		{
			Name:       "httpproxy/upstream-ca-delegation",
			Sentence:   "A certificate authority of another namespace is used only if that namespace delegates it.",
			Features:   extended(upstreamTLS),
			Namespaces: []string{"certs"},
			Backends:   []suite.Backend{{Name: "shop", Port: 443, TLS: "shop.${DOMAIN}"}},
			Run: func(t *suite.T) {
				invalid(t, "a", "TLSError", "CACertificateNotDelegated")
				t.Apply(`
apiVersion: projectcontour.io/v1
kind: TLSCertificateDelegation
metadata: {name: certs, namespace: "${NAMESPACE}-certs"}
spec:
  delegations:
  - {secretName: authority, targetNamespaces: ["${NAMESPACE}"]}
`)
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				valid(t, "a")
			},
		},
	}
}
