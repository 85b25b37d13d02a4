package kind

import (
	"bytes"
	"encoding/base64"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	kjson "sigs.k8s.io/json"

	"contour.example/contour/internal/kobj"
)

// +kubebuilder:rbac:groups="",resources=secrets,verbs=list;watch

func secret() Descriptor {
	return Descriptor{
		Kind: kobj.Secret, GroupVersion: corev1.SchemeGroupVersion, Resource: "secrets",
		// Excludes types with many Secrets that no object can use. Other unusable types are stored without their data, so
		// that a reference to one is reported as an error of its type.
		Selector: fields.AndSelectors(
			fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)),
			fields.OneTermNotEqualSelector("type", "helm.sh/release.v1"),
		),
		AddToScheme: corev1.AddToScheme,
		New:         func() Object { return &corev1.Secret{} },
		Trim:        trims(trimSecret),
		Equal: equals(func(a, b *corev1.Secret) bool {
			return a.Type == b.Type && maps.EqualFunc(a.Data, b.Data, bytes.Equal)
		}),
		DeletionWaits: true,
		Manifest:      &Manifest{Check: badBase64, Complete: completes(completeSecret)},
	}
}

func trimSecret(s *corev1.Secret) {
	trimMeta(&s.ObjectMeta)
	s.Annotations, s.StringData = nil, nil
	maps.DeleteFunc(s.Data, func(key string, data []byte) bool {
		return !usesSecretKey(s.Type, key) && !mayBeKeySet(s.Type, data)
	})
}

// usesSecretKey reports whether a listener or cluster can use the data under that key in a Secret of that type.
func usesSecretKey(t corev1.SecretType, key string) bool {
	if t != corev1.SecretTypeTLS && t != corev1.SecretTypeOpaque && t != "" {
		return false
	}
	switch key {
	case corev1.TLSCertKey, corev1.TLSPrivateKeyKey, corev1.ServiceAccountRootCAKey, "crl.pem":
		return true
	default:
		return false
	}
}

func completeSecret(s *corev1.Secret) ([]Problem, bool) {
	if s.Type == "" {
		s.Type = corev1.SecretTypeOpaque
	}
	if len(s.StringData) == 0 {
		return nil, true
	}
	data := maps.Clone(s.Data)
	if data == nil {
		data = map[string][]byte{}
	}
	for k, v := range s.StringData {
		data[k] = []byte(v)
	}
	s.Data, s.StringData = data, nil
	return nil, true
}

// badBase64 reports data of a Secret that is not base64: the decoder does not return its key.
func badBase64(data []byte) []Problem {
	var secret struct {
		Data map[string]any `json:"data"`
	}
	if kjson.UnmarshalCaseSensitivePreserveInts(data, &secret) != nil {
		return nil // decoding reports it
	}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(secret.Data)) {
		s, ok := secret.Data[name].(string)
		if _, err := base64.StdEncoding.DecodeString(s); ok && err != nil {
			problems = append(problems, Problem{"data[" + name + "]", "The value is not base64; the object is not loaded. Use stringData for plain text."})
		}
	}
	return problems
}
