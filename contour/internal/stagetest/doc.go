// Package stagetest is the test bed of the stages between objects and xDS resources: cases
// written as files, the text forms of reports and resources, the comparison with goldens,
// certificates, and a generator of random objects and edits.
//
// A case is a directory with in.yaml (plain manifests), perhaps config.yaml, expect.yaml
// (requests and what answers them) and the goldens ir.yaml, report.yaml and xds.yaml, perhaps
// status.yaml. What
// runs the cases, on the model of Envoy or on a real one, stands beside the pipeline.
//
// The package is for tests only and decides nothing about what is right.
package stagetest
