package kind

import (
	"bytes"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/jwks"
)

// mayBeKeySet reports whether data of a Secret may be a JSON Web Key Set. Its key is the author's choice, so its content
// decides: other data that nothing reads does not stay in memory.
func mayBeKeySet(t corev1.SecretType, data []byte) bool {
	if t != corev1.SecretTypeOpaque && t != "" || len(data) > jwks.MaxDocument {
		return false
	}
	return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && bytes.Contains(data, []byte(`"keys"`))
}
