// Package openid runs an OpenID provider: that of zitadel's library, with the users and clients that come with it.
//
// In goes an address; out come tokens, signed with a key that the provider makes whenever it starts and publishes at KeysURI. The
// program is built from its module, and ends with this process.
package openid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"contour.example/harness/address"
	"contour.example/harness/asset"
	"contour.example/harness/process"
)

// The clients of the provider, which are the audiences of their tokens, and what it knows beside them.
const (
	Web = "web"
	API = "api"

	user, password = "test-user@localhost", "verysecure"
	redirect       = "http://localhost/callback" // nobody follows it
)

// Secret is that of each client.
const Secret = "secret"

// Provider is a provider that runs, or is paused or stopped.
type Provider struct {
	path, log string
	redirects []string
	ip        netip.Addr
	port      int
	process   *process.Process
}

// Start returns when the provider answers. dir has its log. The clients may ask for a redirect to one of the URLs after a login.
func Start(ctx context.Context, dir string, addresses *address.Claims, redirects ...string) (*Provider, error) {
	path, err := asset.Get(ctx, "openid-provider")
	if err != nil {
		return nil, err
	}
	port, err := addresses.Port()
	if err != nil {
		return nil, err
	}
	ip, err := addresses.IP()
	if err != nil {
		return nil, err
	}
	p := &Provider{path: path, log: filepath.Join(dir, "openid-provider.log"), ip: ip, port: port, redirects: append(redirects, redirect)}
	return p, p.Resume(ctx)
}

// Issuer is the provider's name in tokens, and the URL of its pages.
func (p *Provider) Issuer() string { return "http://localhost:" + strconv.Itoa(p.port) + "/" }

// KeysURI is where it publishes its key, at an address that is not loopback, to which no controller of a cluster connects.
func (p *Provider) KeysURI() string {
	return "http://" + netip.AddrPortFrom(p.ip, uint16(p.port)).String() + "/keys"
}

// Resume starts the provider, also after Stop, with a new key, and returns when it answers.
func (p *Provider) Resume(ctx context.Context) error {
	var err error
	p.process, err = process.Start(process.Spec{
		Name: "openid-provider", Path: p.path, Log: p.log,
		Env: []string{"PORT=" + strconv.Itoa(p.port), "REDIRECT_URI=" + strings.Join(p.redirects, ",")},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		if _, err = p.get(ctx, p.KeysURI()); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("the OpenID provider does not answer: %w\n%s", err, p.process.Tail(20)), p.Stop())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends the provider, also one that hangs.
func (p *Provider) Stop() error {
	_ = p.Continue() // the error means that it has ended
	return p.process.Stop(2 * time.Second)
}

// Hang stops it from answering, without closing connections, until Continue.
func (p *Provider) Hang() error { return p.process.Signal(syscall.SIGSTOP) }

// Continue ends Hang.
func (p *Provider) Continue() error { return p.process.Signal(syscall.SIGCONT) }

// Token logs the user in with the client, as a browser does, and returns the ID token.
func (p *Provider) Token(ctx context.Context, client string) (string, error) {
	called, err := p.login(ctx, p.Issuer()+"auth?"+url.Values{
		"client_id": {client}, "redirect_uri": {redirect}, "response_type": {"code"}, "scope": {"openid"}, "state": {"s"},
	}.Encode())
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {called.query("code")}, "redirect_uri": {redirect}}
	answer, err := p.post(ctx, p.Issuer()+"oauth/token", form, client)
	if err != nil {
		return "", err
	}
	var tokens struct {
		ID string `json:"id_token"`
	}
	if err := json.Unmarshal(answer.body, &tokens); err != nil || tokens.ID == "" {
		return "", fmt.Errorf("token: got %s (%w)", answer.body, err)
	}
	return tokens.ID, nil
}

// Login logs the user in, as a browser does that was redirected to the URL of the provider, and returns where the provider sends it.
func (p *Provider) Login(ctx context.Context, uri string) (string, error) {
	called, err := p.login(ctx, uri)
	return called.location, err
}

func (p *Provider) login(ctx context.Context, uri string) (answer, error) {
	login, err := p.get(ctx, uri)
	if err != nil {
		return answer{}, err
	}
	form := url.Values{"id": {login.query("authRequestID")}, "username": {user}, "password": {password}}
	back, err := p.post(ctx, p.Issuer()+"login/username", form, "")
	if err != nil {
		return answer{}, err
	}
	return p.get(ctx, back.location)
}

// answer is a page of the provider, or where it redirects to.
type answer struct {
	body     []byte
	location string
}

// query is a parameter of the location.
func (a answer) query(name string) string {
	u, err := url.Parse(a.location)
	if err != nil {
		return ""
	}
	return u.Query().Get(name)
}

func (p *Provider) get(ctx context.Context, uri string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return answer{}, fmt.Errorf("request: %w", err)
	}
	return p.do(r)
}

// post sends a form, as the client if there is one.
func (p *Provider) post(ctx context.Context, uri string, form url.Values, client string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, fmt.Errorf("request: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(client, Secret)
	}
	return p.do(r)
}

func (p *Provider) do(r *http.Request) (answer, error) {
	transport := &http.Transport{DisableKeepAlives: true}
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, fmt.Errorf("OpenID provider: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("OpenID provider: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return answer{}, fmt.Errorf("OpenID provider: %s: status %d: %s", r.URL.Path, response.StatusCode, body)
	}
	a := answer{body: body}
	if location := response.Header.Get("Location"); location != "" {
		to, err := r.URL.Parse(location)
		if err != nil {
			return answer{}, fmt.Errorf("OpenID provider: %w", err)
		}
		a.location = to.String()
	}
	return a, nil
}
