package stagetest

import (
	"encoding/base64"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// servedSession is a session persistence of the configuration.
type servedSession struct {
	name   string // of the cookie or of the header with the token
	header bool
}

// persistSessions seldom makes the requests of a session reach one endpoint. Most rules have sessions of their own.
func (g *Traffic) persistSessions() *gatewayv1.SessionPersistence {
	if !g.among(6, themeSessions) {
		return nil
	}
	s := servedSession{name: pick(g.Random, "shared", fmt.Sprint("session-", len(g.sessions)), fmt.Sprint("session-", len(g.sessions))), header: g.oneIn(3)}
	p := &gatewayv1.SessionPersistence{}
	switch {
	case s.header:
		s.name = "X-" + s.name
		p.Type = new(gatewayv1.HeaderBasedSessionPersistence)
	case g.oneIn(3):
		p.AbsoluteTimeout = new(gatewayv1.Duration("1h"))
		p.CookieConfig = &gatewayv1.CookieConfig{LifetimeType: new(gatewayv1.PermanentCookieLifetimeType)}
	case g.oneIn(6):
		return p // the controller selects a name
	}
	p.SessionName = &s.name
	g.sessions = append(g.sessions, s)
	return p
}

// continueSession adds the token of a session to a request: of one that persists, of another endpoint, that is over, or none.
func (g *Traffic) continueSession(headers map[string]string) {
	if len(g.sessions) == 0 || !g.oneIn(2) {
		return
	}
	s := pick(g.Random, g.sessions...)
	service := fmt.Sprintf("%s/service-%d/%s", g.namespace(), g.rand.IntN(5), pick(g.Random, "web", "web", "more"))
	address := g.material.Endpoint(service)
	if g.oneIn(12) {
		address = pick(g.Random, "", "127.0.0.1:1", "no address")
	}
	token := base64.StdEncoding.EncodeToString([]byte(address))
	if !s.header {
		token = g.cookieToken(address, pick(g.Random, 0, 0, time.Hour, -time.Hour))
	}
	if g.oneIn(12) {
		token = pick(g.Random, "x", "AAAA", token+"=", "")
	}
	if s.header {
		headers[s.name] = token
		return
	}
	headers["cookie"] = pick(g.Random, "", "a=b; ") + s.name + "=" + token + pick(g.Random, "", "; c=d")
}

// cookieToken returns the token of a session in a cookie as Envoy encodes it: the address of the endpoint, and the end of the session in Unix
// time if it ends.
func (g *Traffic) cookieToken(address string, lasts time.Duration) string {
	body := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), address)
	if lasts != 0 {
		body = protowire.AppendVarint(protowire.AppendTag(body, 2, protowire.VarintType), uint64(g.material.Now.Add(lasts).Unix()))
	}
	return base64.StdEncoding.EncodeToString(body)
}
