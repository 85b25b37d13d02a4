package tlsfile

import (
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
	ends, err := m.files().Ends()
	must(t, err)
	if diff := cmp.Diff(map[string]time.Time{"server": now.AddDate(0, 0, 10), "ca": now.AddDate(0, 0, 20)}, ends); diff != "" {
		t.Errorf("ends (-want +got):\n%s", diff)
	}
	fleets := m.files()
	fleets.Fleets = fleets.Cert
	if ends, err := fleets.Ends(); err != nil || !ends["fleets"].Equal(now.AddDate(0, 0, 10)) {
		t.Errorf("with a CA of fleets: %v, %v", ends, err)
	}
	for _, edit := range []func(*Files){func(f *Files) { f.CA = os.DevNull }, func(f *Files) { f.Fleets = os.DevNull }} {
		empty := m.files()
		edit(&empty)
		if _, err := empty.Ends(); err == nil {
			t.Errorf("%+v: a file without certificates has an end", empty)
		}
	}
}
