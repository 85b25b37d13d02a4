package app

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/fake"

	"contour.example/contour/internal/certs"
)

// renewed runs a leader for a time, with certificates that were made now, and returns its log and how often it asked for them. edit changes
// each Secret before.
func renewed(t *testing.T, days int, during time.Duration, edit func(*corev1.Secret)) (log string, looks int) {
	t.Helper()
	b, err := certs.Generate(certs.Options{Namespace: "ns", LifetimeDays: days, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	client := fake.NewClientset()
	for _, s := range b.Secrets(certs.SecretOptions{Namespace: "ns", Format: certs.Compact, Version: "v1"}) {
		edit(s)
		if err := client.Tracker().Add(s); err != nil {
			t.Fatal(err)
		}
	}
	var text bytes.Buffer
	r := &renewal{client: client, namespace: "ns", names: []string{"contourcert", "envoycert"}, log: slog.New(slog.NewTextHandler(&text, nil)), now: time.Now}
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	r.run(ctx)
	for _, a := range client.Actions() {
		if a.GetVerb() == "get" {
			looks++
		}
	}
	return text.String(), looks / 2
}

// The leader takes the three steps of a renewal when they are due, without asking the API server all the time.
func TestLeaderRenewsCertificates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, looks := renewed(t, 30, 21*24*time.Hour, func(*corev1.Secret) {})
		last := -1
		for _, step := range []certs.Action{certs.Trust, certs.Switch, certs.Retire} {
			i := strings.Index(log, `step="`+string(step)+`"`)
			if i <= last {
				t.Errorf("%q is not among the steps, or not in its place:\n%s", step, log)
			}
			last = i
		}
		if n := strings.Count(log, "\n"); n != 3 || looks > 21*24+10 {
			t.Errorf("%d lines, %d looks:\n%s", n, looks, log)
		}
	})
}

// What certgen has not made, the leader does not change: that is a line of the log; what it cannot read is an error.
func TestLeaderLeavesOthersCertificates(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*corev1.Secret){
		`level=WARN msg="certificates of the xDS connection are not renewed by the controller`: func(s *corev1.Secret) { s.Annotations = nil },
		`level=ERROR msg="certificates of the xDS connection cannot be renewed; retrying"`:     func(s *corev1.Secret) { s.Data["tls.crt"] = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			log, _ := renewed(t, 30, 24*time.Hour, edit)
			if n := strings.Count(log, "\n"); n < 1 || n > 12 || strings.Count(log, want) != n {
				t.Errorf("want only lines with %s:\n%s", want, log)
			}
		})
	}
}
