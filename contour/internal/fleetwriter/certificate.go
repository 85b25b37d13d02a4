package fleetwriter

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"contour.example/contour/internal/provision"
)

// certificateAnnotation of a Secret describes the certificate in it, so that the Secret itself need not be read: a hash of the authorities and
// of the metadata of the Secret, and when the certificate is to be renewed.
const certificateAnnotation = "projectcontour.io/fleet-certificate"

// checkInterval is the longest time between two looks at whether the authorities have changed: shorter than a step of the renewal of the
// certificates of the controller, so that the Envoys of fleets trust a new CA before it is used.
const checkInterval = 5 * time.Minute

// Issuer issues certificates of fleets.
type Issuer interface {
	// Authorities returns what certificates depend on, in any form that differs when another one is to be issued.
	Authorities() (string, error)
	// Issue returns the data of the Secret of a fleet, and when to issue another one.
	Issue(fleet string, now time.Time) (data map[string][]byte, renew time.Time, err error)
}

// issue puts a certificate into the Secret, unless the child has one that is valid; after is when to look again. unchanged: nobody has
// changed the child since it was applied.
func (t *term) issue(f *provision.Fleet, s *corev1.Secret, child Child, unchanged bool) (needed bool, after time.Duration, err error) {
	authorities, err := t.writer.Certificate.Authorities()
	if err != nil {
		return false, 0, err
	}
	meta, err := json.Marshal(s.ObjectMeta)
	if err != nil {
		return false, 0, fmt.Errorf("encode Secret: %w", err)
	}
	of, now := hash(append(meta, authorities...)), t.writer.Now()
	if present, until, ok := strings.Cut(child.Certificate, " "); ok && present == of && unchanged {
		if renew, err := time.Parse(time.RFC3339, until); err == nil && now.Before(renew) {
			return false, min(renew.Sub(now), checkInterval), nil
		}
	}
	data, renew, err := t.writer.Certificate.Issue(f.Name(), now)
	if err != nil {
		return false, 0, fmt.Errorf("certificate of the fleet: %w", err)
	}
	s.Data, s.Annotations[certificateAnnotation] = data, of+" "+renew.UTC().Format(time.RFC3339)
	return true, min(max(renew.Sub(now), time.Minute), checkInterval), nil
}
