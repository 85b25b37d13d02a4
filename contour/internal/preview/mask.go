package preview

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/semantic"
)

// Masked returns the value of a header or query parameter for readers: not that of one that may carry a credential.
func Masked(name, value string) string { return semantic.Masked(name, value) }

// MaskedURL returns a URL or path for readers, without a name and password of a user, and with the values of query parameters masked.
func MaskedURL(address string) string {
	before, query, found := strings.Cut(address, "?")
	if scheme, rest, absolute := strings.Cut(before, "://"); absolute {
		authority, _, _ := strings.Cut(rest, "/")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			before = scheme + "://****" + authority[at:] + rest[len(authority):]
		}
	}
	if !found {
		return before
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if name, value, ok := strings.Cut(p, "="); ok {
			pairs[i] = name + "=" + maskedParameter(name, value)
		}
	}
	return before + "?" + strings.Join(pairs, "&")
}

// maskedParameter returns the value of a query parameter for readers, as it is sent.
func maskedParameter(name, value string) string {
	plain := func(s string) string {
		if out, err := url.QueryUnescape(s); err == nil {
			return out
		}
		return s
	}
	if text := Masked(plain(name), plain(value)); text != plain(value) {
		return text
	}
	return value
}

// matchText is the text of a match with the values of its conditions masked.
func matchText(m ir.Match) string {
	m.Headers, m.Query = slices.Clone(m.Headers), slices.Clone(m.Query)
	for i := range m.Headers {
		m.Headers[i].Value = Masked(m.Headers[i].Name, m.Headers[i].Value)
	}
	for i := range m.Query {
		m.Query[i].Value = Masked(m.Query[i].Name, m.Query[i].Value)
	}
	return irtext.Match(&m)
}

// maxBody is the longest body of a direct response that is shown.
const maxBody = 200

// masked returns an answer for readers.
func masked(a semantic.Answer) semantic.Answer {
	changes := func(c semantic.Changes) semantic.Changes {
		if len(c.Set) == 0 {
			return semantic.Changes{Removed: c.Removed}
		}
		set := map[string]string{}
		for name, value := range c.Set {
			set[name] = Masked(name, value)
		}
		return semantic.Changes{Set: set, Removed: c.Removed}
	}
	a.From, a.Changes, a.Location = slices.Clone(a.From), changes(a.Changes), MaskedURL(a.Location)
	for i := range a.From {
		u := &a.From[i]
		u.Request, u.Response, u.Path = changes(u.Request), changes(u.Response), MaskedURL(u.Path)
	}
	if len(a.Body) > maxBody {
		a.Body = fmt.Sprintf("**** (%d bytes)", len(a.Body))
	}
	return a
}
