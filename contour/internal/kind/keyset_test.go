package kind

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
)

// Of an Opaque Secret, what may be a key set is kept under any key; other data stays out of memory.
func TestKeySetsOfSecretsAreKept(t *testing.T) {
	t.Parallel()
	all := All()
	for kept, types := range map[string][]corev1.SecretType{"keys": {corev1.SecretTypeOpaque, ""}, "": {corev1.SecretTypeTLS, corev1.SecretTypeDockercfg}} {
		for _, of := range types {
			s := &corev1.Secret{Type: of, Data: map[string][]byte{
				"keys": []byte(" \n" + `{"keys": []}`), "text": []byte(`not "keys"`), "object": []byte(`{"a": 1}`),
				"large": []byte(`{"keys": []}` + strings.Repeat(" ", jwks.MaxDocument)),
			}}
			all.Get(kobj.Secret).Trim(s)
			var names []string
			for name := range s.Data {
				names = append(names, name)
			}
			slices.Sort(names)
			if got := strings.Join(names, " "); got != kept {
				t.Errorf("of a Secret of type %q, %q is kept, want %q", of, got, kept)
			}
		}
	}
}
