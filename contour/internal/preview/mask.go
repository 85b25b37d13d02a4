package preview

import (
	"fmt"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/semantic"
)

// Masked returns the value of a header or query parameter for readers: not that of one that may carry a credential.
func Masked(name, value string) string { return semantic.Masked(name, value) }

// MaskedURL returns a URL or path with the values of query parameters masked.
func MaskedURL(url string) string {
	before, query, found := strings.Cut(url, "?")
	if !found {
		return url
	}
	pairs := strings.Split(query, "&")
	for i, p := range pairs {
		if name, value, ok := strings.Cut(p, "="); ok {
			pairs[i] = name + "=" + Masked(name, value)
		}
	}
	return before + "?" + strings.Join(pairs, "&")
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
