package httpproxy

import (
	"slices"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

const (
	// maxCookieRewrites bounds the rewrites of one list.
	maxCookieRewrites = 100
	// maxCookieText bounds the name of a cookie and each new attribute, in bytes.
	maxCookieText = 4096
)

// cookieRewrites converts the rewrites of a route or of a service; nil if there are none. Errors reject the route.
func (b *builder) cookieRewrites(specs []contourv1.CookieRewritePolicy, at path) *ir.CookieRewrites {
	if len(specs) == 0 {
		return nil
	}
	if n := len(specs); n > maxCookieRewrites {
		b.rejectCookie(at, "There are %d rewrites of cookies; at most %d are allowed.", n, maxCookieRewrites)
		return nil
	}
	out := &ir.CookieRewrites{}
	seen := make(map[string]bool, len(specs))
	for i := range specs {
		c := b.cookieRewrite(&specs[i], at.at(i))
		if seen[c.Name] {
			b.rejectCookie(at.at(i).dot("name"), "The cookie %s occurs twice.", quoted(c.Name))
		}
		seen[c.Name] = true
		out.Cookies = append(out.Cookies, c)
	}
	return out
}

func (b *builder) rejectCookie(at path, format string, args ...any) {
	b.reject(subCondition{report.TypeRoute, report.CookieRewritePoliciesInvalid}, at, format, args...)
}

func (b *builder) cookieRewrite(spec *contourv1.CookieRewritePolicy, at path) ir.CookieRewrite {
	out := ir.CookieRewrite{Name: spec.Name}
	if !isCookieName(spec.Name) {
		b.rejectCookie(at.dot("name"), "%s is not the name of a cookie of 1 to %d bytes.", quoted(spec.Name), maxCookieText)
	}
	if p := spec.PathRewrite; p != nil {
		out.Path = p.Value
		if p.Value == "" || len(p.Value) > maxCookieText || !validate.IsText(p.Value) || strings.Contains(p.Value, ";") {
			b.rejectCookie(at.dot("pathRewrite").dot("value"), "%s is not a path of 1 to %d bytes without semicolons and control characters.", quoted(p.Value), maxCookieText)
		}
	}
	if d := spec.DomainRewrite; d != nil {
		name, problem := validate.PreciseHostname(d.Value)
		if out.Domain = name; problem != "" {
			b.rejectCookie(at.dot("domainRewrite").dot("value"), "%s %s.", quoted(d.Value), problem)
		}
	}
	if s := spec.SameSite; s != nil {
		if out.SameSite = *s; !slices.Contains([]string{"Strict", "Lax", "None"}, *s) {
			b.rejectCookie(at.dot("sameSite"), "%s is not one of Strict, Lax and None.", quoted(*s))
		}
	}
	if s := spec.Secure; s != nil {
		if out.Secure = ir.SwitchOff; *s {
			out.Secure = ir.SwitchOn
		}
	}
	if out == (ir.CookieRewrite{Name: spec.Name}) {
		b.rejectCookie(at, "The rewrite changes no attribute; pathRewrite, domainRewrite, secure or sameSite is required.")
	}
	return out
}

// isCookieName reports whether s is a token, as Contour's API defines it.
func isCookieName(s string) bool {
	return s != "" && len(s) <= maxCookieText && validate.IsText(s) && !strings.ContainsAny(s, `()<>@,;:\"/[]?={} `)
}

// withCookies returns the rewrites of a service and those of its route: for each attribute of a cookie that both change, that of
// the service. nil if the service has none, so that those of the route apply.
func withCookies(route, service *ir.CookieRewrites) *ir.CookieRewrites {
	if service == nil || route == nil {
		return service
	}
	out := &ir.CookieRewrites{Cookies: slices.Clone(route.Cookies)}
	for _, c := range service.Cookies {
		i := slices.IndexFunc(out.Cookies, func(r ir.CookieRewrite) bool { return r.Name == c.Name })
		if i < 0 {
			out.Cookies = append(out.Cookies, c)
			continue
		}
		out.Cookies[i] = out.Cookies[i].With(c)
	}
	return out
}
