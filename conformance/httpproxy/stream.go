package httpproxy

import "contour.example/conformance/suite"

func streams() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/tcpproxy-passthrough",
			Sentence: "A TCP proxy with passthrough leads a connection to its Service by SNI and leaves TLS to it.",
			Features: extended(tcpProxy),
			Backends: []suite.Backend{{Name: "db", Port: 443, TLS: "a.${DOMAIN}"}},
			Run: func(t *suite.T) {
				t.Stream("https://a.${DOMAIN}", "db")
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-termination",
			Sentence:     "A TCP proxy with a Secret terminates TLS and leads the bytes to its Service.",
			Features:     extended(tcpProxy),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
	}
}
