package httpproxy

import (
	"contour.example/conformance/suite"
	"contour.example/harness/backend"
)

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
			Name:         "httpproxy/tcpproxy-include-deprecated",
			Sentence:     "The deprecated field includes of a TCP proxy includes the TCP proxy of another HTTPProxy, as include does.",
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

// tcpServices are tests of how a TCP proxy uses its Services.
func tcpServices() []suite.Test {
	return []suite.Test{
		{
			Name:         "httpproxy/tcpproxy-health-check",
			Sentence:     "Endpoints of a TCP proxy that accept no connection at the port of health checks get none.",
			Features:     extended(tcpProxy),
			Backends:     []suite.Backend{{Name: "shop", PortName: "web", DeadPort: 81}},
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}", "b.${DOMAIN}", "c.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				t.Get("https://a.${DOMAIN}/", suite.From("shop"))
				t.Get("https://c.${DOMAIN}/", suite.From("shop"))
				valid(t, "b")
				t.NoBytes("https://b.${DOMAIN}")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-upstream-tls",
			Sentence:     "A TCP proxy opens TLS connections to a Service of protocol tls or h2, and forwards nothing unless its certificate satisfies the validation.",
			Features:     extended(tcpProxy),
			Backends:     []suite.Backend{{Name: "shop", Port: 443, TLS: "shop.${DOMAIN}", Bytes: true}},
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}", "b.${DOMAIN}", "c.${DOMAIN}", "d.${DOMAIN}"}}},
			Run: func(t *suite.T) {
				for _, name := range []string{"a", "b", "c"} {
					t.Bytes("https://"+name+".${DOMAIN}", "shop")
					valid(t, name)
				}
				t.NoBytes("https://d.${DOMAIN}")
			},
		},
		{
			Name:         "httpproxy/tcpproxy-fields-of-requests",
			Sentence:     "What applies to requests has no effect in a TCP proxy: hashes, headers, cookies, slow start and mirrors, which get connections as others do.",
			Features:     extended(tcpProxy),
			Backends:     backends("shop", "copy"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Run:          forwardsBytesOnly,
		},
	}
}

func forwardsBytesOnly(t *suite.T) {
	const url = "https://a.${DOMAIN}/"
	t.Shares(url, map[string]float64{"shop": 50, "copy": 50})
	t.Send(suite.Request{URL: url, Headers: map[string]string{"X-Remove": "1", backend.SetHeader: "X-Reply-Remove: 2"}},
		suite.Sent("X-Remove", "1"), suite.Sent("X-Set", ""), suite.Header("X-Reply", ""), suite.Header("X-Reply-Remove", "2"))
	const cookie = "session=1; Path=/old; Domain=old.example"
	t.Send(suite.Request{URL: url, Headers: map[string]string{backend.SetHeader: "Set-Cookie: " + cookie}}, suite.Header("Set-Cookie", cookie))
	valid(t, "a")
}
