package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// adminTimeout bounds one request to the admin endpoint.
const adminTimeout = 5 * time.Second

// maxAnswerBytes bounds what is read of an answer.
const maxAnswerBytes = 1 << 20

// admin is a client of Envoy's admin endpoint on a unix socket.
type admin struct{ client *http.Client }

func newAdmin(socket string) admin {
	return admin{&http.Client{Transport: transport(socket), Timeout: adminTimeout}}
}

// transport sends every request to the unix socket, whatever its URL says.
func transport(socket string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}
}

// Admin serves the admin endpoint of the Envoy with that admin socket. Whoever reaches it can end Envoy.
func Admin(socket string) http.Handler {
	target := &url.URL{Scheme: "http", Host: "envoy"}
	return &httputil.ReverseProxy{
		Transport: transport(socket),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
	}
}

// ask sends a request and returns the answer's body; a status other than 200 is an error.
func (a admin) ask(ctx context.Context, method, path string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, http.NoBody)
	if err != nil {
		return "", fmt.Errorf("admin endpoint of Envoy: %w", err)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("admin endpoint of Envoy: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if err != nil {
		return "", fmt.Errorf("admin endpoint of Envoy: %w", err)
	}
	return string(body), nil
}

func (a admin) ready(ctx context.Context) bool {
	_, err := a.ask(ctx, http.MethodGet, "/ready")
	return err == nil
}

// closeListeners refuses new connections, and has the open ones closed after the answer that they wait for.
func (a admin) closeListeners(ctx context.Context) error {
	if _, err := a.ask(ctx, http.MethodPost, "/healthcheck/fail"); err != nil {
		return err
	}
	_, err := a.ask(ctx, http.MethodPost, "/drain_listeners")
	return err
}

// activeRequests counts the requests that are being answered, those to the admin endpoint left out.
func (a admin) activeRequests(ctx context.Context) (int, error) {
	text, err := a.ask(ctx, http.MethodGet, "/stats?filter="+url.QueryEscape(`^http\..*\.downstream_rq_active$`))
	if err != nil {
		return 0, err
	}
	return sumActive(text), nil
}

// sumActive adds up the lines "http.NAME.downstream_rq_active: N".
func sumActive(text string) int {
	sum := 0
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		if strings.HasPrefix(name, "http.admin.") {
			continue
		}
		if n, err := strconv.Atoi(value); err == nil {
			sum += n
		}
	}
	return sum
}
