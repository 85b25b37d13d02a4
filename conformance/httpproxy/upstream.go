package httpproxy

import "contour.example/conformance/suite"

// upstreams are tests of the protocols to Services.
func upstreams() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/upstream-h2c",
			Sentence: "Requests to a Service of protocol h2c use HTTP/2 without TLS, those to other Services HTTP/1.1.",
			Features: extended(protocol),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentProtocol("HTTP/1.1", false))
				t.Get("http://a.${DOMAIN}/h2c", suite.From("shop"), suite.SentProtocol("HTTP/2.0", false))
			},
		},
		{
			Name:         "httpproxy/grpc",
			Sentence:     "gRPC requests to a Service of protocol h2c are forwarded with their trailers, with TLS and without.",
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
			Sentence: "The protocol of a Service is that of its appProtocol or its annotation, unless the route specifies one.",
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
			Sentence: "Requests to a Service of protocol tls or h2 use TLS, and fail unless its certificate satisfies the validation.",
			Features: extended(upstreamTLS),
			Backends: []suite.Backend{{Name: "shop", Port: 443, TLS: "shop.${DOMAIN}"}},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/tls", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				t.Get("http://a.${DOMAIN}/h2/", suite.From("shop"), suite.SentProtocol("HTTP/2.0", true))
				t.Get("http://a.${DOMAIN}/verified", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				t.Get("http://a.${DOMAIN}/one-of-subjects", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				t.Get("http://a.${DOMAIN}/another-subject", suite.Status(503))
				t.Get("http://a.${DOMAIN}/another-ca", suite.Status(503))
				valid(t, "a")
			},
		},
		{
			Name:       "httpproxy/upstream-ca-delegation",
			Sentence:   "A CA certificate of another namespace is used only if that namespace delegates it.",
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
  - {secretName: ca, targetNamespaces: ["${NAMESPACE}"]}
`)
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentProtocol("HTTP/1.1", true))
				valid(t, "a")
			},
		},
	}
}
