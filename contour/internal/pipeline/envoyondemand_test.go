//go:build envoy

package pipeline_test

import (
	"testing"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
)

func onDemand(c *config.Config) { c.XDS.CertificatesOnDemand = true }

// The cases with certificates on demand: the responses are those of the model, which has a filter chain for each host, except
// that there is no fallback certificate.
func TestOnDemandCasesOnEnvoy(t *testing.T) {
	f := startFleet(t, onDemand)
	for _, c := range loadCases(t) {
		withoutFallback(&c)
		t.Run(c.Name, func(t *testing.T) { f.runCase(t, c) })
	}
}

// withoutFallback makes the case expect that clients with the server name of no host are refused.
func withoutFallback(c *stagetest.Case) {
	if c.Config.Objects.FallbackCertificate == (kobj.Name{}) {
		return
	}
	for i := range c.Checks {
		if name := c.Checks[i].SNI; name == "-" || name == "unknown.test" {
			c.Checks[i].Answer = stagetest.Expectation{Refused: true}
		}
	}
}

func TestRandomEditsOnEnvoyOnDemand(t *testing.T) { editAtRandom(t, startFleet(t, onDemand)) }
