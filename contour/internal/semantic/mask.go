package semantic

import (
	"fmt"
	"strings"
)

// Masked returns the value of a header or query parameter for readers: not that of one that may carry a credential.
func Masked(name, value string) string {
	name = strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "token", "secret", "password", "key", "credential", "session"} {
		if value != "" && strings.Contains(name, part) {
			return fmt.Sprintf("**** (%d bytes)", len(value))
		}
	}
	return value
}
