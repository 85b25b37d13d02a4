//go:build kind

package kind

import (
	"context"
	"testing"

	"sigs.k8s.io/e2e-framework/pkg/envconf"
	"sigs.k8s.io/e2e-framework/pkg/features"
	"sigs.k8s.io/e2e-framework/pkg/types"

	"contour.example/harness/traffic"
)

// rotations is how often the certificate is replaced.
const rotations = 5

// certificateRotates changes the Secret of a host.
func certificateRotates() types.Feature {
	var f fixture
	return features.New("certificate rotates").
		Setup(func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.begin(ctx, t, "certificate")
			return ctx
		}).
		Assess("new certificates are served and no request is lost", func(ctx context.Context, t *testing.T, _ *envconf.Config) context.Context {
			f.underLoad(ctx, t, f.host("shop"), func() {
				for range rotations {
					f.rotate(ctx, t)
				}
			})
			return ctx
		}).Feature()
}

// rotate returns when all Envoys show a new certificate.
func (f *fixture) rotate(ctx context.Context, t *testing.T) {
	t.Helper()
	pair, err := f.certificate(ctx, t, "cert", f.host("shop")).TLS()
	must(t, err)
	f.answered(ctx, t, f.secure("shop"), func(a traffic.Answer) string {
		if !a.TLS.PeerCertificates[0].Equal(pair.Leaf) {
			return "an old certificate"
		}
		return fromBackend(a)
	})
}
