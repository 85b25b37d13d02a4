package compile

import (
	"cmp"
	"slices"
	"strings"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/ir"
)

// challengePath is the path of the challenges of ACME HTTP-01 (RFC 8555, section 8.3), which have a token below it.
const challengePath = "/.well-known/acme-challenge"

// isChallenge reports whether the match selects challenges only.
func isChallenge(m ir.PathMatch) bool {
	switch m.Kind {
	case ir.PathExact, ir.PathPrefix:
		return strings.HasPrefix(m.Value, challengePath+"/")
	case ir.PathSegment:
		return m.Value == challengePath || strings.HasPrefix(m.Value, challengePath+"/")
	case ir.PathRegex, ir.PathMethod:
	}
	return false
}

// withOpenChallenges returns the contribution with routes for challenges that require neither the token nor the
// authorization of the policies p, which apply to it. The authorization of the configuration, which is that of the
// contribution itself, and all other policies apply to them, too.
func withOpenChallenges(c *contrib.Contribution, p *ir.Policies) *contrib.Contribution {
	if !c.OpensChallenges || p == nil || p == c.Policies || p.JWT == nil && p.Authorization == nil {
		return c
	}
	open := ir.Policies{Authorization: openAuthorization(c.Policies, p)}
	if p.JWT != nil {
		open.JWT = &ir.JWT{Providers: p.JWT.Providers}
	}
	out := c
	for i := range c.Routes {
		if !isChallenge(c.Routes[i].Match.Path) {
			continue
		}
		if out == c {
			copied := *c
			copied.Routes, out = slices.Clone(c.Routes), &copied
		}
		merged := c.Routes[i].Policies.WithDefaults(nil)
		merged.JWT, merged.Authorization = open.JWT, open.Authorization
		out.Routes[i].Policies = &merged
	}
	return out
}

// openAuthorization returns the section of a challenge on a host with the policies p: that of the configuration, if there is
// one in own, otherwise none; nil if the section of the host is right.
func openAuthorization(own, p *ir.Policies) *ir.Authorization {
	switch {
	case p.Authorization == nil || own != nil && own.Authorization == p.Authorization:
		return nil
	case own == nil || own.Authorization == nil:
		return &ir.Authorization{Mode: ir.AuthorizeNever}
	}
	global := *own.Authorization
	global.Mode = cmp.Or(global.Mode, ir.AuthorizeAlways)
	return &global
}
