package semantic

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Masked returns the value of a header or query parameter for readers: not that of one that may carry a credential, by its name or by what
// it looks like.
func Masked(name, value string) string {
	if value == "" || !namesCredential(name) && !looksSecret(value) {
		return value
	}
	return fmt.Sprintf("**** (%d bytes)", len(value))
}

// namesCredential reports whether a name is one of credentials: it contains a word that stands for them whatever is around it, or has a
// short one as a word of its own. The parameter "code" is that of OAuth (RFC 6749, section 4.1.2), and "x-country-code" is none.
func namesCredential(name string) bool {
	lower := strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "passw", "passphrase", "key", "credential", "session", "signature", "assertion", "bearer"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return lower == "code" || slices.ContainsFunc(words(name), func(w string) bool {
		return slices.Contains([]string{"sig", "pass", "pwd", "pw", "pin", "otp", "totp", "jwt", "sid", "sas", "hmac", "csrf", "xsrf", "nonce", "ticket"}, w)
	})
}

// words returns the words of a name in lower case: its parts between other characters than letters and digits, and before upper case letters.
func words(name string) []string {
	var out strings.Builder
	previous := ' '
	for _, c := range name {
		if unicode.IsUpper(c) && unicode.IsLower(previous) {
			out.WriteByte(' ')
		}
		if previous = c; unicode.IsLetter(c) || unicode.IsDigit(c) {
			out.WriteRune(unicode.ToLower(c))
		} else {
			out.WriteByte(' ')
		}
	}
	return strings.Fields(out.String())
}

// Values that look like secrets: those of a scheme of authentication, JSON Web Tokens, and long texts of the alphabets of base64 and
// hexadecimal numbers.
var (
	scheme = regexp.MustCompile(`(?i)^(basic|bearer|digest|negotiate)\s+\S`)
	webJWT = regexp.MustCompile(`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
	opaque = regexp.MustCompile(`[A-Za-z0-9+/_=]{16,}`)
)

func looksSecret(value string) bool {
	if scheme.MatchString(value) || webJWT.MatchString(value) {
		return true
	}
	for _, text := range opaque.FindAllString(value, -1) {
		if strings.ContainsFunc(text, unicode.IsDigit) && strings.ContainsFunc(text, unicode.IsLetter) && strings.Count(text, "/") < 3 {
			return true
		}
	}
	return false
}

// Values in a sentence that certainly are secrets. Others may be names, so that a sentence is masked less than a value.
var (
	schemeIn = regexp.MustCompile(`(?i)\b(basic|bearer|digest|negotiate)\s+[^\s"\\]+`)
	headerIn = regexp.MustCompile(`"((?:[^"\\]|\\.)*)" of header "([^"]*)"`)
	userinfo = regexp.MustCompile(`://[^/\s"@]+@`)
)

// MaskedText returns a sentence for readers, such as an error of Envoy, without credentials.
func MaskedText(text string) string {
	text = headerIn.ReplaceAllStringFunc(text, func(match string) string {
		parts := headerIn.FindStringSubmatch(match)
		if masked := Masked(parts[2], parts[1]); masked != parts[1] {
			return `"` + masked + `" of header "` + parts[2] + `"`
		}
		return match
	})
	text = schemeIn.ReplaceAllString(text, "$1 ****")
	text = userinfo.ReplaceAllString(text, "://****@")
	return webJWT.ReplaceAllString(text, "****")
}
