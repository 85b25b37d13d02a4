package semantic

import (
	"net/http"
	"regexp"
	"strings"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// cors answers preflights, those of origins that are not allowed without naming them, and adds headers to the answers to other requests of
// allowed origins.
func (x *exchange) cors(p *filterResult, packed *anypb.Any) error {
	c, err := unpack(packed, &corsv3.CorsPolicy{})
	if err != nil {
		return err
	}
	if err := checkFields(c, `allow_origin_string_match allow_methods allow_headers expose_headers max_age allow_credentials
		allow_private_network_access forward_not_matching_preflights`); err != nil {
		return err
	}
	origin := x.headers["origin"]
	if origin == "" {
		return nil
	}
	preflight := x.Method == http.MethodOptions && x.headers["access-control-request-method"] != ""
	allowed, err := allows(c.GetAllowOriginStringMatch(), origin)
	if err != nil {
		return err
	}
	set := map[string]string{}
	put := func(name, value string) {
		if value != "" {
			set["access-control-"+name] = value
		}
	}
	if allowed {
		put("allow-origin", origin)
		put("expose-headers", c.GetExposeHeaders())
	}
	if c.GetAllowCredentials().GetValue() && (allowed || preflight) {
		put("allow-credentials", "true")
	}
	if !preflight {
		p.response = Changes{Set: set}
		return nil
	}
	put("allow-methods", x.anyOr(c.GetAllowMethods(), "access-control-request-method"))
	put("allow-headers", x.anyOr(c.GetAllowHeaders(), "access-control-request-headers"))
	put("max-age", c.GetMaxAge())
	if c.GetAllowPrivateNetworkAccess().GetValue() && x.headers["access-control-request-private-network"] == "true" {
		put("allow-private-network", "true")
	}
	x.ownReply = true
	p.answered, p.answer = true, Answer{Status: http.StatusOK, Changes: Changes{Set: set}}
	return nil
}

// anyOr returns a list of what is allowed: what the header of the request asks for, if anything is.
func (x *exchange) anyOr(allowed, header string) string {
	if allowed == "*" {
		return x.headers[header]
	}
	return allowed
}

func allows(origins []*matcherv3.StringMatcher, origin string) (bool, error) {
	for _, m := range origins {
		switch exact := m.GetExact(); {
		case exact == "*", exact == origin, exact != "" && m.GetIgnoreCase() && strings.EqualFold(exact, origin):
			return true, nil
		}
		if expr := m.GetSafeRegex().GetRegex(); expr != "" {
			re, err := regexp.Compile("^(?:" + expr + ")$")
			if err != nil {
				return false, err
			}
			if re.MatchString(origin) {
				return true, nil
			}
		}
	}
	return false, nil
}
