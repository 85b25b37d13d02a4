// Package stagetest contains what tests of the stages between objects and xDS resources share: cases
// in files, the text forms of reports and resources, the comparison with goldens,
// certificates, and a generator of random objects and edits.
//
// A case is a directory with in.yaml (plain manifests), an optional config.yaml, expect.yaml
// (requests and the expected answers), the goldens ir.yaml, report.yaml and xds.yaml, and an
// optional golden status.yaml. The tests of package pipeline run the cases, with the model of
// Envoy and with a real Envoy.
//
// The package is for tests only. It does not define expected results.
package stagetest
