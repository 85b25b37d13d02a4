package gatewayapi

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
)

// Session persistence is that of GEP-1619: a session is one of a rule, precedes its weights, and each path of a rule has sessions of its own.

// maxSessionName bounds the name of a session, as the API server does.
const maxSessionName = 128

// ruleSession is a session of a rule, at one of its paths.
type ruleSession struct {
	ir.Session
	rule int
}

// sessions converts the session persistence of a rule: one session for each match. It returns nil if there is none, and fails the rule if there
// is one that is not possible.
func (b *routeBuilder) sessions(r *rule) []*ir.Session {
	p := r.persistence
	if p == nil {
		return nil
	}
	session, field := b.session(p, r)
	out := make([]*ir.Session, len(r.matches))
	for i := range r.matches {
		own := session
		if !own.Header {
			own.Path = cookiePath(r.matches[i].Path)
		}
		out[i] = &own
		for _, o := range b.others {
			if o.rule != r.index && o.mixes(&own) {
				b.fail(report.UnsupportedValue, field+".sessionName", "The session name %s is that of spec.rules[%d], where the path %s has sessions, too; rules do not share sessions.",
					report.Quote(own.Name), o.rule, report.Quote(r.matches[i].Path.Value))
				return out
			}
		}
	}
	for _, s := range out {
		b.others = append(b.others, ruleSession{*s, r.index})
	}
	return out
}

// mixes reports whether a client sends the token of s with requests of o, or the reverse.
func (s *ruleSession) mixes(o *ir.Session) bool {
	below := func(path, of string) bool {
		return path == of || strings.HasPrefix(path, strings.TrimSuffix(of, "/")+"/")
	}
	switch {
	case s.Header != o.Header:
		return false
	case s.Header:
		return strings.EqualFold(s.Name, o.Name)
	}
	return s.Name == o.Name && (below(s.Path, o.Path) || below(o.Path, s.Path))
}

// session converts what the sessions of a rule have in common, and returns the field.
func (b *routeBuilder) session(p *gatewayv1.SessionPersistence, r *rule) (ir.Session, string) {
	field := r.field + ".sessionPersistence"
	var out ir.Session
	switch {
	case p.Type == nil || *p.Type == gatewayv1.CookieBasedSessionPersistence:
	case *p.Type == gatewayv1.HeaderBasedSessionPersistence:
		out.Header = true
	default:
		b.fail(report.UnsupportedValue, field+".type", "The type %s is not Cookie or Header.", report.Quote(string(*p.Type)))
	}
	out.Name = b.sessionName(p.SessionName, &out, r)
	if out.Header && p.CookieConfig != nil {
		b.fail(report.UnsupportedValue, field+".cookieConfig", "The sessions are of type Header, without a cookie.")
	}
	permanent := false
	if p.CookieConfig != nil && p.CookieConfig.LifetimeType != nil {
		switch t := *p.CookieConfig.LifetimeType; t {
		case gatewayv1.PermanentCookieLifetimeType:
			permanent = true
		case gatewayv1.SessionCookieLifetimeType:
		default:
			b.fail(report.UnsupportedValue, field+".cookieConfig.lifetimeType", "The lifetimeType %s is not Session or Permanent.", report.Quote(string(t)))
		}
	}
	lifetime := b.duration(p.AbsoluteTimeout, field+".absoluteTimeout")
	switch {
	case permanent && lifetime < time.Second:
		b.fail(report.UnsupportedValue, field+".absoluteTimeout", "A permanent cookie needs an absoluteTimeout of at least 1s.")
	case permanent:
		out.Lifetime = lifetime.Truncate(time.Second)
	case lifetime > 0:
		b.fail(report.UnsupportedValue, field+".absoluteTimeout", "Envoy ends sessions only with a permanent cookie; without lifetimeType Permanent, an absoluteTimeout is not possible.")
	}
	return out, field
}

// sessionName returns the name of the cookie or header with the token: without one in the specification, one that no other rule has.
func (b *routeBuilder) sessionName(name *string, s *ir.Session, r *rule) string {
	if name == nil || *name == "" {
		id := fmt.Sprint(r.index)
		if r.name != "" {
			id = "name " + r.name
		}
		sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{string(b.key.Kind), b.key.Namespace, b.key.Name.Name, id}))
		return "session-" + hex.EncodeToString(sum[:8])
	}
	problem := validate.HeaderName(*name)
	switch {
	case len(*name) > maxSessionName:
		problem = validate.Problem(fmt.Sprintf("is longer than %d characters", maxSessionName))
	case !s.Header || problem != "":
	case slices.Contains([]string{"host", "cookie", "set-cookie"}, strings.ToLower(*name)):
		problem = "is a header with another meaning"
	default:
		problem = validate.EditableHeader(*name)
	}
	if problem != "" {
		b.fail(report.UnsupportedValue, r.field+".sessionPersistence.sessionName", "The session name %s %s.", report.Quote(*name), problem)
	}
	return *name
}

// cookiePath returns the path of the cookie of a session: that of the match, or what all paths that match a regular expression begin with, in
// whole segments.
func cookiePath(m ir.PathMatch) string {
	switch m.Kind {
	case ir.PathExact, ir.PathSegment:
		return wholeSegments(m.Value, strings.IndexFunc(m.Value, func(r rune) bool { return r <= ' ' || r > '~' || r == ';' || r == ',' }))
	case ir.PathRegex:
		if strings.Contains(m.Value, "|") {
			return "/"
		}
		end := strings.IndexFunc(m.Value, func(r rune) bool { return !isPlain(r) })
		if end > 0 && strings.IndexByte("?*{", m.Value[end]) >= 0 { // the character before may be missing
			end--
		}
		return wholeSegments(m.Value, end)
	default:
		return "/"
	}
}

// isPlain reports whether a character stands for itself in a regular expression, and in a cookie.
func isPlain(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/-_~%@:=&!", r)
}

// wholeSegments returns the segments of a path that end before that byte; the path, if end is negative.
func wholeSegments(path string, end int) string {
	if end >= 0 {
		path = strings.TrimSuffix(path[:strings.LastIndexByte(path[:end], '/')+1], "/")
	}
	if !strings.HasPrefix(path, "/") {
		return "/"
	}
	return path
}

// checkAffinity reports a Service that itself keeps clients at endpoints, by their address.
func (b *routeBuilder) checkAffinity(r *rule, service kobj.Name, affine bool, field string) {
	if r.persistence != nil && affine {
		b.fail(report.UnsupportedValue, field, "Service %q has a sessionAffinity, with which the sessionPersistence of the rule is in conflict.", service)
	}
}

// combine makes the backends of a rule with sessions one, so that a session precedes their weights. What Envoy has for a cluster as a whole must
// be equal for them.
func (b *routeBuilder) combine(f *ir.Forward, r *rule) {
	var services []ir.EndpointKey
	var combined *ir.Backend
	var rest []ir.Backend
	special := ir.Special{}
	for i := range f.Backends {
		own := f.Backends[i]
		if own.Unresolved {
			rest = append(rest, own)
			continue
		}
		if k := slices.Index(services, own.Cluster.Endpoints); k >= 0 {
			special.Targets[k].Weight += own.Weight
		} else {
			services = append(services, own.Cluster.Endpoints)
			special.Targets = append(special.Targets, ir.Target{Endpoints: own.Cluster.Endpoints, Port: own.Cluster.Port, Weight: own.Weight})
		}
		if combined == nil {
			combined = &own
			continue
		}
		if settings(own.Cluster) != settings(combined.Cluster) || !reflect.DeepEqual(own.RequestHeaders, combined.RequestHeaders) || !reflect.DeepEqual(own.ResponseHeaders, combined.ResponseHeaders) {
			b.fail(report.UnsupportedValue, at(r.field+".backendRefs", i), "The backends of a rule with sessionPersistence need the same protocol, the same TLS and the same filters; those of backendRefs[%d] differ from the first.", i)
			return
		}
		combined.Weight += own.Weight
	}
	if len(services) < 2 {
		return
	}
	tuning := combined.Cluster.Tuning.Value()
	tuning.Combined = ir.NewCombined(b.key, uint16(r.index), services)
	combined.Cluster.Tuning = ir.Intern(tuning)
	f.Backends, f.Special = append([]ir.Backend{*combined}, rest...), &special
}

// settings returns a cluster without its Service.
func settings(c ir.Cluster) ir.Cluster {
	c.Endpoints, c.Port = ir.EndpointKey{}, 0
	return c
}

// secured returns policies with a cookie that clients send only over TLS, if they have a cookie.
func secured(p *ir.Policies) *ir.Policies {
	if !hasCookie(p) {
		return p
	}
	out, session := *p, *p.Session
	session.Secure, out.Session = true, &session
	return &out
}

func hasCookie(p *ir.Policies) bool { return p != nil && p.Session != nil && !p.Session.Header }
