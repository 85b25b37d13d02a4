package ingress

import (
	"crypto/tls"

	"contour.example/conformance/suite"
)

// annotations are tests of annotations.
func annotations() []suite.Test { return append(requestAnnotations(), tlsAnnotations()...) }

func requestAnnotations() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/websocket-routes",
			Sentence: "The annotation websocket-routes enables upgrades to a WebSocket for the paths that it names, and no other.",
			Features: extended(webSocket),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				t.WebSocket("http://a.${DOMAIN}/ws")
				expect(t, route{"/", "one"})
				t.NoWebSocket("http://a.${DOMAIN}/")
			},
		},
		{
			Name:     "ingress/response-timeout",
			Sentence: "An answer that takes longer than the annotation response-timeout is a 504.",
			Features: extended(timeout),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				slow := map[string]string{"X-Echo-Delay": "3s"}
				expect(t, route{"/", "one"})
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/", Headers: slow}, suite.Status(504))
			},
		},
		{
			Name:     "ingress/retries",
			Sentence: "The annotations retry-on and num-retries specify after which failures and how often a request is retried.",
			Features: extended(retry),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				for failures, status := range map[string]int{"2": 200, "3": 503} {
					t.Send(suite.Request{
						URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-Echo-Fail": failures + " " + suite.Unique},
					}, suite.Status(status))
				}
			},
		},
		{
			Name:     "ingress/per-try-timeout",
			Sentence: "An attempt that takes longer than the annotation per-try-timeout is cancelled, and the answer is a 504 when no attempt is left.",
			Features: extended(retry),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				slow := map[string]string{"X-Echo-Delay": "3s"}
				expect(t, route{"/", "one"})
				t.Send(suite.Request{URL: "http://a.${DOMAIN}/", Headers: slow}, suite.Status(504))
			},
		},
		{
			Name:     "ingress/class-annotation",
			Sentence: "An Ingress with another class in the annotation projectcontour.io/ingress.class is not served.",
			Features: extended(classAnnotation),
			Backends: backends("one"),
			Run: func(t *suite.T) {
				expect(t, route{"/", "one"})
				t.Get("http://annotation.${DOMAIN}/", suite.Error)
			},
		},
		{
			Name:     "ingress/upstream-protocol",
			Sentence: "The protocol of a Service is that of its appProtocol or its annotation.",
			Features: extended(protocol),
			Backends: []suite.Backend{
				{Name: "plain"},
				{Name: "app", AppProtocol: "kubernetes.io/h2c"},
				{Name: "annotated", PortName: "web", Annotations: map[string]string{"projectcontour.io/upstream-protocol.h2c": "web"}},
				{Name: "encrypted", TLS: "encrypted.${DOMAIN}", Annotations: map[string]string{"projectcontour.io/upstream-protocol.tls": "80"}},
			},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/plain", suite.From("plain"), suite.SentProtocol("HTTP/1.1", false))
				t.Get("http://a.${DOMAIN}/app", suite.From("app"), suite.SentProtocol("HTTP/2.0", false))
				t.Get("http://a.${DOMAIN}/annotated", suite.From("annotated"), suite.SentProtocol("HTTP/2.0", false))
				t.Get("http://a.${DOMAIN}/encrypted", suite.From("encrypted"), suite.SentProtocol("HTTP/1.1", true))
			},
		},
	}
}

func tlsAnnotations() []suite.Test {
	return []suite.Test{
		{
			Name:     "ingress/tls-minimum-protocol-version",
			Sentence: "The annotation tls-minimum-protocol-version makes a host reject older versions of TLS.",
			Features: extended(versions),
			Backends: backends("one"),
			Certificates: []suite.Certificate{
				{Name: "new", Hosts: []string{"new.${DOMAIN}"}}, {Name: "old", Hosts: []string{"old.${DOMAIN}"}},
			},
			Run: func(t *suite.T) {
				t.Get("https://new.${DOMAIN}/", suite.From("one"))
				t.Send(suite.Request{URL: "https://old.${DOMAIN}/", MaxTLS: tls.VersionTLS12}, suite.From("one"))
				t.TLSRejected(suite.Request{URL: "https://new.${DOMAIN}/", MaxTLS: tls.VersionTLS12}, "protocol version not supported")
			},
		},
		{
			Name:         "ingress/tls-cert-namespace",
			Sentence:     "The annotation tls-cert-namespace uses a certificate of another namespace, if that namespace delegates it.",
			Features:     extended(delegation),
			Namespaces:   []string{"certs"},
			Backends:     backends("one"),
			Certificates: []suite.Certificate{{Name: "cert", Namespace: "certs", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("one"))
				t.TLSRejected(suite.Request{URL: "https://a.${DOMAIN}/"}, suite.Closed, suite.NotListening, "unrecognized name")
				t.Apply(`
apiVersion: projectcontour.io/v1
kind: TLSCertificateDelegation
metadata: {name: certs, namespace: "${NAMESPACE}-certs"}
spec:
  delegations:
  - {secretName: cert, targetNamespaces: ["${NAMESPACE}"]}
`)
				t.Get("https://a.${DOMAIN}/", suite.From("one"))
			},
		},
	}
}
