package proxy

import (
	"context"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"contour.example/envoybootstrap/admin"
)

// adminBounds bound a request to the admin endpoint.
func adminBounds() admin.Options { return admin.Options{Timeout: 5 * time.Second, MaxBytes: 1 << 20} }

// Admin serves the admin endpoint of the Envoy with that admin socket. Every client of it can stop Envoy.
func Admin(socket string) http.Handler {
	target := &url.URL{Scheme: "http", Host: "envoy"}
	return &httputil.ReverseProxy{
		Transport: admin.Transport(socket),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
}

// closeListeners rejects new connections, and closes the open ones after the answer that they wait for.
func (p *Proxy) closeListeners(ctx context.Context) error {
	if err := p.admin.FailHealthChecks(ctx); err != nil {
		return err
	}
	return p.admin.DrainListeners(ctx)
}

// activeRequests counts the requests in progress, except those to the admin endpoint.
func (p *Proxy) activeRequests(ctx context.Context) (int, error) {
	stats, err := p.admin.Stats(ctx, `^http\..*\.downstream_rq_active$`)
	return sumActive(stats), err
}

func sumActive(stats map[string]int64) int {
	sum := 0
	for name, n := range stats {
		if !strings.HasPrefix(name, "http.admin.") {
			sum += int(n)
		}
	}
	return sum
}
