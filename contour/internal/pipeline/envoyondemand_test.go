//go:build envoy

package pipeline_test

import (
	"testing"

	"contour.example/contour/internal/config"
)

func onDemand(c *config.Config) { c.XDS.CertificatesOnDemand = true }

// The cases with certificates on demand: the responses are those of the model, which has a filter chain for each host.
func TestOnDemandCasesOnEnvoy(t *testing.T) {
	f := startFleet(t, onDemand)
	for _, c := range loadCases(t) {
		t.Run(c.Name, func(t *testing.T) { f.runCase(t, c) })
	}
}

func TestRandomEditsOnEnvoyOnDemand(t *testing.T) { editAtRandom(t, startFleet(t, onDemand)) }
