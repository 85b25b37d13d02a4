package ir

import "cmp"

// CookieRewrites changes attributes of cookies that responses set. Names are unique.
type CookieRewrites struct{ Cookies []CookieRewrite }

// CookieRewrite changes attributes of one cookie. Attributes that the response does not have are added.
type CookieRewrite struct {
	Name     string
	Path     string // "": unchanged
	Domain   string // "": unchanged
	SameSite string // Strict, Lax or None; "": unchanged
	Secure   Switch
}

// With returns the rewrite with the changes of o to the same cookie, which precede its own.
func (c CookieRewrite) With(o CookieRewrite) CookieRewrite {
	c.Path = cmp.Or(o.Path, c.Path)
	c.Domain = cmp.Or(o.Domain, c.Domain)
	c.SameSite = cmp.Or(o.SameSite, c.SameSite)
	c.Secure = cmp.Or(o.Secure, c.Secure)
	return c
}

// Switch changes an attribute without a value.
type Switch uint8

// The changes.
const (
	SwitchUnchanged Switch = iota
	SwitchOn
	SwitchOff
)
