package tlsfile

import (
	"os"
	"testing"
	"time"

	"contour.example/contour/internal/certs"
)

// The files end with the server's certificate and with the last CA, also while two are trusted.
func TestEnds(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	issue := func(days int) *certs.Bundle {
		b, err := certs.Generate(certs.Options{Namespace: "ns", LifetimeDays: days, Now: now})
		must(t, err)
		return b
	}
	former, next := issue(10), issue(20)
	former.CA = append(next.CA, former.CA...)
	m := newMount(t, former)
	cert, ca, err := m.files().Ends()
	if err != nil || !cert.Equal(now.AddDate(0, 0, 10)) || !ca.Equal(now.AddDate(0, 0, 20)) {
		t.Errorf("%s and %s: %v", cert, ca, err)
	}
	empty := m.files()
	empty.CA = os.DevNull
	if _, _, err := empty.Ends(); err == nil {
		t.Error("a file without certificates has an end")
	}
}
