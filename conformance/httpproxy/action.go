package httpproxy

import "contour.example/conformance/suite"

func actions() []suite.Test {
	return []suite.Test{
		{
			Name:     "httpproxy/redirect",
			Sentence: "A redirect changes the parts of the URL that it names and keeps the others; its code is 302 unless it specifies another.",
			Features: extended(redirect),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/host/x", t.Redirect(302, "http://other.${DOMAIN}/host/x"))
				t.Get("http://a.${DOMAIN}/scheme", t.Redirect(301, "https://a.${DOMAIN}/scheme"))
				t.Get("http://a.${DOMAIN}/port", t.Redirect(307, "http://a.${DOMAIN}:8080/port"))
				t.Get("http://a.${DOMAIN}/path/x", t.Redirect(308, "http://a.${DOMAIN}/there"))
				t.Get("http://a.${DOMAIN}/prefix/x", t.Redirect(303, "http://a.${DOMAIN}/new/x"))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/direct-response",
			Sentence: "A direct response has the code and the body of the route.",
			Features: extended(directResponse),
			Run: func(t *suite.T) {
				t.Get("http://a.${DOMAIN}/teapot", suite.Status(418), suite.Body("short and stout"))
				t.Get("http://a.${DOMAIN}/empty", suite.Status(204), suite.Body(""))
				valid(t, "a")
			},
		},
		{
			Name:     "httpproxy/prefix-rewrite",
			Sentence: "A prefix is replaced by another, whole segments at a time and without double slashes; the query stays.",
			Features: extended(rewrite),
			Backends: backends("shop"),
			Run: func(t *suite.T) {
				for path, sent := range map[string]string{
					"/old":       "/new",
					"/old/x?y=1": "/new/x?y=1",
					"/root":      "/",
					"/root/":     "/",
					"/root/x":    "/x",
					"/v1/app/x":  "/first/x",
					"/v2/app/x":  "/others/x",
					"/v3/app/x":  "/others/x",
				} {
					t.Get("http://a.${DOMAIN}"+path, suite.From("shop"), suite.SentPath(sent))
				}
				valid(t, "a")
				valid(t, "app")
			},
		},
	}
}
