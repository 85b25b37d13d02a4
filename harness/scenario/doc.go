// Package scenario is a declarative test against a running proxy: apply
// these manifests, send these requests, expect these answers and these statuses.
//
// It takes a Scenario, as a Go value or as YAML, and an Env with the API
// server and the proxy, and returns nil or an error that names the step, the expectation
// and what was observed instead. Every scenario has a namespace and a domain of its own, so
// scenarios may run in parallel; what it applied is deleted when it ends.
//
// In the text of a scenario ${NAMESPACE} and ${DOMAIN} are replaced by them, and ${CA_BASE64} by
// the certificate of Env.CA. An expectation may take a while to become true; a step begins when
// all expectations of the previous one are.
package scenario
