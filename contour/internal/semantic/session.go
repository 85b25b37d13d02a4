package semantic

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	sessionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/stateful_session/v3"
	cookiev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/cookie/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/stateful_session/header/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/anypb"
)

// setCookie is the header of responses with a cookie.
const setCookie = "set-cookie"

// session is what the filter for sessions does with a request.
type session struct {
	text    string // as in Upstream.Session
	address string // of the endpoint that the token of the request names, with its port; "" if there is none
	token   string // the header of responses with a new token, in lower case
	value   string // of that header, with a star for the token
}

// statefulSession reads the session of the request.
func (x *exchange) statefulSession(packed *anypb.Any) error {
	m, err := unpack(packed, &sessionv3.StatefulSession{})
	if err == nil {
		err = checkFields(m, "session_state")
	}
	if err != nil {
		return err
	}
	switch state := m.GetSessionState().GetTypedConfig(); state.MessageName().Name() {
	case "CookieBasedSessionState":
		return x.cookieSession(state)
	case "HeaderBasedSessionState":
		h, err := unpack(state, &headerv3.HeaderBasedSessionState{})
		if err != nil {
			return err
		}
		name := strings.ToLower(h.GetName())
		x.session = &session{text: "header " + h.GetName(), token: name, value: "*"}
		if address, err := base64.StdEncoding.DecodeString(x.headers[name]); err == nil {
			x.session.address = string(address)
		}
		return nil
	default:
		return unsupportedMessage("session state", state)
	}
}

func (x *exchange) cookieSession(packed *anypb.Any) error {
	m, err := unpack(packed, &cookiev3.CookieBasedSessionState{})
	c := m.GetCookie()
	if err = errors.Join(err, checkFields(c, "name path ttl attributes")); err != nil {
		return err
	}
	if of := c.GetPath(); of != "/" && x.path != of && !strings.HasPrefix(x.path, strings.TrimSuffix(of, "/")+"/") {
		return nil
	}
	s := &session{text: "cookie " + c.GetName() + c.GetPath(), token: setCookie}
	s.value = fmt.Sprintf(`%s="*"; Path=%s`, c.GetName(), c.GetPath())
	if ttl := c.GetTtl().AsDuration(); ttl > 0 {
		s.text += " for " + ttl.String()
		s.value = fmt.Sprintf(`%s="*"; Max-Age=%d; Path=%s`, c.GetName(), int(ttl.Seconds()), c.GetPath())
	}
	for _, a := range c.GetAttributes() {
		text := a.GetName()
		if a.GetValue() != "" {
			text += "=" + a.GetValue()
		}
		s.text, s.value = s.text+" "+text, s.value+"; "+text
	}
	s.value += "; HttpOnly"
	token, _ := x.cookie(c.GetName())
	s.address = endpointIn(token, x.now())
	x.session = s
	return nil
}

// cookie returns the value of the first cookie of that name in the request; false if there is none.
func (x *exchange) cookie(name string) (string, bool) {
	cookies, _ := http.ParseCookie(x.headers["cookie"])
	for _, c := range cookies {
		if c.Name == name {
			return c.Value, true
		}
	}
	return "", false
}

// endpointIn returns the address in the token of a cookie, an encoded message of Envoy with the address and the end of the session in Unix
// time; "" if the session is over, or if the token is none.
func endpointIn(token string, now time.Time) string {
	const address, expires = 1, 2
	body, err := base64.StdEncoding.DecodeString(token)
	out := ""
	for err == nil && len(body) > 0 {
		n, kind, size := protowire.ConsumeField(body)
		if size < 0 {
			return ""
		}
		_, _, tag := protowire.ConsumeTag(body)
		switch {
		case n == address && kind == protowire.BytesType:
			text, _ := protowire.ConsumeString(body[tag:])
			out = text
		case n == expires && kind == protowire.VarintType:
			if end, _ := protowire.ConsumeVarint(body[tag:]); end != 0 && time.Unix(int64(end), 0).Before(now) {
				return ""
			}
		}
		body = body[size:]
	}
	return out
}

// among returns the backends of a cluster that may answer: of a cluster of several Services, the Services with their weights, or the one with the
// endpoint that the token of the request names.
func (x *exchange) among(cluster string, u Upstream) []Upstream {
	e := x.envoy
	all := e.assignment(e.cluster(cluster).GetEdsClusterConfig().GetServiceName()).GetEndpoints()
	if x.session != nil {
		u.Session = x.session.text
		if i := slices.IndexFunc(all, func(l *endpointv3.LocalityLbEndpoints) bool { return has(l, x.session.address) }); i >= 0 {
			u.Service = cmp.Or(all[i].GetLocality().GetSubZone(), u.Service)
			return []Upstream{u}
		}
		value := x.session.value
		if cookie := u.Response.Set[setCookie]; x.session.token == setCookie && cookie != "" {
			value = cookie + "," + value // both are fields of the response
		}
		u.Response = (Changes{Set: map[string]string{x.session.token: value}}).after(u.Response)
	}
	var out []Upstream
	total := uint64(0)
	for _, l := range all {
		own := u
		if l.GetLocality() == nil { // a cluster of one Service
			return []Upstream{u}
		}
		own.Service = l.GetLocality().GetSubZone()
		if own.Weight = l.GetLoadBalancingWeight().GetValue(); own.Weight > 0 {
			out, total = append(out, own), total+uint64(own.Weight)
		}
	}
	for i := range out {
		if u.Weight > 0 {
			out[i].Weight = uint32(uint64(out[i].Weight) * uint64(u.Weight) / total)
		}
	}
	return out
}

// has reports whether a locality has the endpoint.
func has(l *endpointv3.LocalityLbEndpoints, address string) bool {
	for _, e := range l.GetLbEndpoints() {
		a := e.GetEndpoint().GetAddress().GetSocketAddress()
		if net.JoinHostPort(a.GetAddress(), fmt.Sprint(a.GetPortValue())) == address {
			return true
		}
	}
	return false
}
