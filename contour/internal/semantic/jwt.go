package semantic

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// clock is the time of requests without one.
func clock() time.Time { return time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) }

// now is the time at which the model verifies the token of the request.
func (x *exchange) now() time.Time {
	if x.Now.IsZero() {
		return clock()
	}
	return x.Now
}

// jwtAuthn admits requests with a valid token. ofRoute is the selection of the route among the requirements, nil if there
// is none.
func (x *exchange) jwtAuthn(p *filterResult, packed, ofRoute *anypb.Any) error {
	m, err := unpack(packed, &jwtauthnv3.JwtAuthentication{})
	if err != nil {
		return err
	}
	if err := checkFields(m, "providers requirement_map rules"); err != nil {
		return err
	}
	name, err := requirement(m, ofRoute)
	if err != nil || name == "" {
		return err
	}
	required, known := m.GetRequirementMap()[name]
	if !known {
		p.answered, p.answer = true, Answer{Status: 403}
		return nil
	}
	if err := checkFields(required, "provider_name"); err != nil {
		return err
	}
	provider := m.GetProviders()[required.GetProviderName()]
	if provider == nil {
		return fmt.Errorf("there is no JWT provider %q", required.GetProviderName())
	}
	refusal, err := x.verify(provider)
	switch {
	case err != nil || refusal == "":
	case refusal == otherAudience:
		p.answered, p.answer = true, Answer{Status: 403, Body: refusal}
	default:
		p.answered, p.answer = true, Answer{Status: 401, Body: refusal}
	}
	return err
}

// otherAudience is the body of the reply to a request whose token is for others.
const otherAudience = "Audiences in Jwt are not allowed"

// requirement returns the name of the requirement for the request, "" if there is none.
func requirement(m *jwtauthnv3.JwtAuthentication, ofRoute *anypb.Any) (string, error) {
	if ofRoute != nil {
		c, err := unpack(ofRoute, &jwtauthnv3.PerRouteConfig{})
		if err != nil || c.GetDisabled() {
			return "", err
		}
		return c.GetRequirementName(), nil
	}
	if len(m.GetRules()) == 0 {
		return "", nil
	}
	rule := m.GetRules()[0] // the first rule that matches counts
	if err := errors.Join(checkFields(rule, "match requirement_name"), checkFields(rule.GetMatch(), "prefix")); err != nil {
		return "", err
	}
	if rule.GetMatch().GetPrefix() != "" {
		return "", errors.New("the model supports only rules for any path")
	}
	return rule.GetRequirementName(), nil
}

// verify returns why a request has no valid token of the provider, in the words of Envoy; "" if it has one, and no other. Envoy verifies
// the last token first.
func (x *exchange) verify(p *jwtauthnv3.JwtProvider) (refusal string, err error) {
	if err := checkFields(p, "issuer audiences forward local_jwks"); err != nil {
		return "", err
	}
	tokens := x.tokens()
	if len(tokens) == 0 {
		return "Jwt is missing", nil
	}
	for _, text := range slices.Backward(tokens) {
		if refusal, err := x.verifyToken(p, text); err != nil || refusal != "" {
			return refusal, err
		}
	}
	if !p.GetForward() {
		if _, sent := x.headers["authorization"]; sent {
			x.dropped = append(x.dropped, "authorization")
		}
		delete(x.headers, "authorization")
		return "", x.dropQueryToken()
	}
	return "", nil
}

// dropQueryToken removes the token from the query. Envoy then decodes the other parameters and sorts them by name.
func (x *exchange) dropQueryToken() error {
	var others []string
	found := false
	for pair := range strings.SplitSeq(strings.TrimPrefix(x.query, "?"), "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name == tokenParameter {
			found = true
		} else if name != "" {
			others = append(others, name+"="+value)
		}
	}
	if !found {
		return nil
	}
	if strings.ContainsAny(strings.Join(others, ""), "%+") {
		return errors.New("the query has escapes beside the token that Envoy removes from it")
	}
	slices.SortStableFunc(others, func(a, b string) int {
		return strings.Compare(a[:strings.IndexByte(a, '=')], b[:strings.IndexByte(b, '=')])
	})
	if x.query = ""; len(others) > 0 {
		x.query = "?" + strings.Join(others, "&")
	}
	x.setPath(x.path)
	return nil
}

// tokenParameter is the query parameter from which Envoy takes tokens by default.
const tokenParameter = "access_token"

// verifyToken returns why the provider does not accept a token, in the words of Envoy; "" if it does.
func (x *exchange) verifyToken(p *jwtauthnv3.JwtProvider, text string) (refusal string, err error) {
	t, refusal := parseToken(text)
	switch now := x.now(); {
	case refusal != "":
		return refusal, nil
	case p.GetIssuer() != "" && t.Issuer != p.GetIssuer():
		return "Jwt issuer is not configured", nil
	case t.NotBefore != 0 && now.Add(time.Minute).Before(time.Unix(t.NotBefore, 0)):
		return "Jwt not yet valid", nil
	case t.Expires != 0 && !now.Before(time.Unix(t.Expires, 0).Add(time.Minute)):
		return "Jwt is expired", nil
	case len(p.GetAudiences()) > 0 && !slices.ContainsFunc(t.audiences(), func(a string) bool { return slices.Contains(p.GetAudiences(), a) }):
		return otherAudience, nil
	}
	return t.signedBy([]byte(p.GetLocalJwks().GetInlineString()))
}

// tokens returns the tokens of the request, from where Envoy takes them by default: of the header, then of the query.
func (x *exchange) tokens() (out []string) {
	if t, ok := strings.CutPrefix(x.headers["authorization"], "Bearer "); ok {
		out = append(out, t)
	}
	if q, err := url.ParseQuery(strings.TrimPrefix(x.query, "?")); err == nil && q.Has(tokenParameter) {
		out = append(out, q.Get(tokenParameter))
	}
	return out
}
