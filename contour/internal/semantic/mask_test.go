package semantic

import "testing"

// Values are masked where the name or the value is that of a credential, and only there: a masked value explains nothing.
func TestMasked(t *testing.T) {
	t.Parallel()
	const jwt = "eyJhbGciOiJub25lIn0.eyJhIjoiYiJ9.x"
	for _, c := range []struct {
		name, value string
		masked      bool
	}{
		{"authorization", "x", true},
		{"X-Api-Key", "x", true},
		{"access_token", "x", true},
		{"set-cookie", "a=b", true},
		{"client_secret", "x", true},
		{"sig", "x", true},
		{"X-Amz-Signature", "x", true},
		{"code", "x", true},
		{"pass", "x", true},
		{"db-pass", "x", true},
		{"userPass", "x", true},
		{"passwd", "x", true},
		{"pwd", "x", true},
		{"otp", "x", true},
		{"jwt", "x", true},
		{"sid", "x", true},
		{"SIG", "x", true},
		{"csrf", "x", true},
		{"x", "Bearer abc", true},
		{"x", "basic eDp5", true},
		{"x", jwt, true},
		{"x", "prefix " + jwt, true},
		{"x", "c2VjcmV0LWNhbmFyeQ", true},
		{"x", "9f86d081884c7d659a2feaa0c55ad015", true},
		{"x", "AKIA0123456789ABCDEF", true},
		{"sig", "", false},
		{"x-country-code", "de", false},
		{"design", "blue", false},
		{"compass", "north", false},
		{"passenger", "2", false},
		{"x-canary", "always", false},
		{"user-agent", "Mozilla/5.0 (X11; Linux x86_64)", false},
		{"version", "2024-11-30T10:00:00Z", false},
		{"redirect", "/api/v1/users/list/all", false},
		{"lang", "internationalization", false},
		{"id", "1234567890123456789", false},
		{"x-request-id", "3f2b8c1e-4a5d-4e6f-8a7b-9c0d1e2f3a4b", false},
		{"host", "a1.very-long-name.example.com", false},
	} {
		if got := Masked(c.name, c.value) != c.value; got != c.masked {
			t.Errorf("%s: %s is masked: %t", c.name, c.value, got)
		}
	}
}
