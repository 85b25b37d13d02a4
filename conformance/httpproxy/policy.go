package httpproxy

import "contour.example/conformance/suite"

func policies() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/header-policy",
			Sentence: "Headers of requests and of answers are set, overwritten and removed, by route and by Service.",
			Features: extended(headerPolicy),
			Backends: backends("shop"),
			Run:      headerPolicies,
		},
		{
			Name:     "httpproxy/host-rewrite",
			Sentence: "Host in a request header policy is the host that the backend receives.",
			Features: extended(headerPolicy),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentHost("inner.example"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/host-rewrite-by-header",
			Sentence: "Host in a request header policy may be another header of the request.",
			Features: extended(headerPolicy),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Send(suite.Request{
					URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-Host": "inner.example"},
				}, suite.From("shop"), suite.SentHost("inner.example"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/host-rewrite-by-service",
			Sentence: "Host in a request header policy of a Service is the host that this Service receives.",
			Features: extended(headerPolicy),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/", suite.From("shop"), suite.SentHost("inner.example"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/header-variables",
			Sentence: "Values of headers may contain variables for the upstream and for the original request.",
			Features: extended(headerPolicy),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.Send(suite.Request{
					URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-Client": "value"},
				},
					suite.From("shop"),
					suite.Sent("X-Namespace", t.Expand("${NAMESPACE}")),
					suite.Sent("X-Service", "shop:80"),
					suite.Sent("X-Copy", "value"),
					suite.Sent("X-Unknown", "%UNKNOWN%"),
				)
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/compression",
			Sentence: "Answers of types that can be compressed, those of gRPC-Web included, are compressed for clients that accept it.",
			Features: extended(compression),
			Backends: backends("shop"),
			Run:      compresses,
		},
		{
			Name:     "httpproxy/websocket",
			Sentence: "A route with enableWebsockets upgrades to a WebSocket, other routes do not.",
			Features: extended(webSocket),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				t.WebSocket("http://a.${DOMAIN}/ws")
				t.Get("http://a.${DOMAIN}/ws", suite.From("shop"))
				t.Get("http://a.${DOMAIN}/", suite.From("shop"))
				t.NoWebSocket("http://a.${DOMAIN}/")
			},
		},
	}
}

func compresses(t *suite.T) {
	const url = "http://a.${DOMAIN}/"
	for kind, want := range map[string]string{
		"application/json": "gzip", "text/html; charset=utf-8": "gzip", "application/grpc-web+proto": "gzip", "application/grpc-web-text": "gzip",
		"image/png": "", "application/octet-stream": "",
	} {
		t.Send(suite.Request{URL: url, Headers: map[string]string{"Accept-Encoding": "gzip", "X-Echo-Set": "Content-Type: " + kind}},
			suite.Status(200), suite.Header("Content-Type", kind), suite.Header("Content-Encoding", want))
	}
	t.Get(url, suite.From("shop"), suite.Header("Content-Encoding", ""))
	valid(t, "a")
}

func headerPolicies(t *suite.T) {
	t.Send(suite.Request{
		URL: "http://a.${DOMAIN}/",
		Headers: map[string]string{
			"X-Set": "from the client", "X-Remove": "1", "X-Keep": "2", "X-Service-Remove": "3",
			"X-Echo-Set": "X-Reply-Remove: from the backend",
		},
	},
		suite.From("shop"),
		suite.Sent("X-Set", "100%"),
		suite.Sent("X-Protocol", "HTTP/1.1"),
		suite.Sent("X-Remove", ""),
		suite.Sent("X-Keep", "2"),
		suite.Sent("X-Service-Set", "by the service"),
		suite.Sent("X-Service-Remove", ""),
		suite.Header("X-Reply", "from the route"),
		suite.Header("X-Reply-Service", "from the service"),
		suite.Header("X-Reply-Remove", ""),
	)
	for name, want := range map[string]string{"X-Reply-Service-Remove": "", "X-Reply-Keep": "kept"} {
		t.Send(suite.Request{URL: "http://a.${DOMAIN}/", Headers: map[string]string{"X-Echo-Set": name + ": kept"}}, suite.From("shop"), suite.Header(name, want))
	}
	valid(t, "a")
}
