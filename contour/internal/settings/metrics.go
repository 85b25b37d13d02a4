package settings

import (
	"errors"
	"fmt"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
)

// setFiles copies the paths that are set.
func setFiles(into *ir.TLSFiles, from *v1alpha1.MetricsTLS) {
	if from == nil {
		return
	}
	setText(&into.Certificate, from.CertFile)
	setText(&into.Key, from.KeyFile)
	setText(&into.CA, from.CAFile)
}

// CheckMetrics returns an error if the metrics of the controller or of Envoy, according to c, which is d with flags, have TLS
// without a certificate, or on the socket of a probe, which speaks plain text. It joins Problems.
func (d Document) CheckMetrics(c config.Config) error {
	return errors.Join(
		d.checkMetrics("metrics", c.Process.MetricsTLS, c.Process.Metrics, plain{"the health endpoint", c.Process.Health}, plain{"the debug endpoint", c.Process.Debug}),
		d.checkMetrics("envoy.metrics", c.Listeners.StatsTLS, c.Listeners.Stats, plain{"the readiness of Envoy", orStats(c.Listeners)}),
	)
}

// plain is a socket without TLS.
type plain struct {
	name string
	at   config.Address
}

// orStats returns the socket for the readiness of Envoy.
func orStats(l config.Listeners) config.Address {
	if l.Health == (config.Address{}) {
		return l.Stats
	}
	return l.Health
}

// checkMetrics checks the metrics with the settings below a field.
func (d Document) checkMetrics(field string, files ir.TLSFiles, at config.Address, others ...plain) error {
	if files == (ir.TLSFiles{}) {
		return nil
	}
	var problems []error
	report := func(field, message string) {
		p := Problem{Message: message}
		if d.Sets(field) {
			p = d.problem(field, "%s", message)
		}
		problems = append(problems, p)
	}
	if files.Certificate == "" || files.Key == "" {
		set := ".tls.certFile"
		switch {
		case files.Certificate != "":
		case files.Key != "":
			set = ".tls.keyFile"
		default:
			set = ".tls.caFile"
		}
		report(field+set, "TLS needs both a certificate and its key.")
	}
	for _, other := range others {
		if other.at == at {
			report(field+".tls.certFile", fmt.Sprintf("Metrics with TLS and %s, which is without, have the same address and port, %s:%d.", other.name, at.Host, at.Port))
		}
	}
	return errors.Join(problems...)
}
