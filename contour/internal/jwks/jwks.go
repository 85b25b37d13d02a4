// Package jwks contains JSON Web Key Sets (RFC 7517): the keys that verify the tokens of an issuer, where they come from,
// and what became of an attempt to get them.
//
// Parse converts a document to the keys that Envoy can use, in one form, so that equal sets are equal values. The package
// performs no I/O: package source/issuer fetches, the store keeps the outcome.
package jwks

import (
	"encoding/json"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
)

// The limits of a key set. They bound what one set costs each Envoy, since Envoy has no reference to a set: each virtual
// host contains it.
const (
	MaxDocument = 64 << 10 // bytes of a document
	maxKeys     = 32       // usable keys of a set: a token without a key ID is tried with each of them
	maxKeyID    = 256      // bytes
)

// Options are what a source of keys permits.
type Options struct {
	// Symmetric permits keys that also sign (oct): in a Secret, but not in a document that anybody can read.
	Symmetric bool
}

// document is a JSON Web Key Set.
type document struct {
	Keys []json.RawMessage `json:"keys"`
}

// Parse returns the usable keys of a document, each once and in order; or the problem of the document, as the end of a
// sentence. As RFC 7517 requires, keys of unknown types and for other uses are left out. Private parts of keys and
// certificates are, too.
func Parse(data []byte, o Options) (keys ir.KeySet, problem string) {
	if len(data) > MaxDocument {
		return "", "is larger than 64 KiB"
	}
	var set document
	if err := json.Unmarshal(data, &set); err != nil {
		return "", "is not a JSON Web Key Set"
	}
	var usable []string
	reason := "has no keys"
	for _, raw := range set.Keys {
		var k key
		if json.Unmarshal(raw, &k) != nil {
			reason = "has a key whose members are not texts"
			continue
		}
		text, why := k.normalized(o)
		if why != "" {
			reason = why
			continue
		}
		usable = append(usable, text)
	}
	slices.Sort(usable)
	usable = slices.Compact(usable)
	switch {
	case len(usable) == 0 && len(set.Keys) > 0:
		return "", "has no usable key: one of its keys " + reason
	case len(usable) == 0:
		return "", reason
	case len(usable) > maxKeys:
		return "", "has more than 32 usable keys"
	}
	return ir.KeySet(`{"keys":[` + strings.Join(usable, ",") + `]}`), ""
}
