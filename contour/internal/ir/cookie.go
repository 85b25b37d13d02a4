package ir

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

// Switch changes an attribute without a value.
type Switch uint8

// The changes.
const (
	SwitchUnchanged Switch = iota
	SwitchOn
	SwitchOff
)
