// Package scenario is the short way to write a test against a running proxy: apply
// these manifests, send these requests, expect these answers and these statuses.
//
// In goes a Scenario, as a Go value or as YAML, and an Env, which says where the API
// server and the proxy are; out comes nil or an error that names the step, the expectation
// and what was seen instead. Every scenario has a namespace and a domain of its own, so
// scenarios may run in parallel; what one applied is deleted when it ends.
//
// In the text of a scenario ${NAMESPACE} and ${DOMAIN} stand for them, and ${CA_BASE64} for
// the certificate of Env.CA. An expectation may take a while to come true; a step begins when
// all of the one before have.
package scenario
