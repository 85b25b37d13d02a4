package bench

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"

	"contour.example/harness/traffic"
)

// clientAttacks are hostile clients from outside.
func clientAttacks() []attack {
	return []attack{
		{
			name:   "sni",
			create: func(ctx context.Context, t *tenant) error { return t.securedHost(ctx) },
			send: func(ctx context.Context, t *tenant, i int) string {
				return t.handshake(ctx, fmt.Sprintf("unknown-%d.%s", i, t.host("one")))
			}, sendRate: 100,
		},
		{
			name:   "headers",
			create: func(ctx context.Context, t *tenant) error { return t.securedHost(ctx) },
			send: func(ctx context.Context, t *tenant, i int) string {
				headers := http.Header{}
				for h := range 60 {
					headers.Set(fmt.Sprintf("X-%d-%d", i, h), strings.Repeat("x", 1000))
				}
				return t.request(ctx, traffic.Request{Host: t.host("one"), Headers: headers})
			}, sendRate: 50,
		},
	}
}

// securedHost makes one host, with and without TLS.
func (t *tenant) securedHost(ctx context.Context) error {
	if err := t.wildcard(ctx, "many"); err != nil {
		return err
	}
	r := route(object{"prefix": "/"})
	r["permitInsecure"] = true
	return t.root(ctx, "one", object{
		"virtualhost": object{"fqdn": t.host("one"), "tls": object{"secretName": "many"}}, "routes": []any{r},
	})
}

// handshake begins one with a server name, and returns its result.
func (t *tenant) handshake(ctx context.Context, name string) string {
	ctx, cancel := context.WithTimeout(ctx, hostileTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}}).DialContext(ctx, "tcp", t.bench.target.HTTPS)
	if err != nil {
		return "no handshake"
	}
	_ = conn.Close()
	return "handshake"
}
