package httpproxy

import "contour.example/conformance/suite"

func tcpProxies() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/tcpproxy-passthrough",
			Sentence: "A TCP proxy with passthrough forwards a connection to its Service by SNI and does not terminate TLS.",
			Features: extended(tcpProxy),
			Backends: []suite.Backend{{Name: "db", Port: 443, TLS: "a.${DOMAIN}", Bytes: true}},
			Run: func(t *suite.T) {
				t.Bytes("https://a.${DOMAIN}", "db")
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-termination",
			Sentence:     "A TCP proxy with a Secret terminates TLS and forwards the bytes to its Service.",
			Features:     extended(tcpProxy),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-with-routes",
			Sentence:     "Beside a TCP proxy, the routes of a host are served over HTTP.",
			Features:     extended(tcpProxy),
			Backends:     backends("routed", "piped"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("piped"))
				t.Get("http://a.${DOMAIN}/", suite.From("routed"))
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-include",
			Sentence:     "A TCP proxy may be that of another HTTPProxy, which has its Services in its own namespace.",
			Features:     extended(tcpProxy),
			Namespaces:   []string{"team"},
			Backends:     []suite.Backend{{Name: "theirs", Namespace: "team"}},
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("theirs"))
				valid(t, "a")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-weights",
			Sentence:     "Connections are distributed over the Services of a TCP proxy by weight; a Service of weight 0 gets none.",
			Features:     extended(tcpProxy),
			Backends:     backends("many", "few", "none"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Shares("https://a.${DOMAIN}/", map[string]float64{"many": 75, "few": 25})
			},
		},
	}
}
