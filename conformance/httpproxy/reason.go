package httpproxy

import (
	"slices"
	"strings"

	"contour.example/conformance/suite"
)

// invalidSpec is a specification with one error, and the error that the status is expected to have.
type invalidSpec struct {
	name, sentence    string
	errorType, reason string
	// spec is of the HTTPProxy a; others are additional objects.
	spec, others string
	// warns is for an error that is reported as a warning, and leaves the HTTPProxy valid.
	warns bool
	// feature is what the controller needs in addition to statuses.
	feature string
}

// shop is an existing Service, which is sufficient for a status.
const shop = `---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec: {ports: [{port: 80}]}
`

// reasons are tests of statuses, one for each reason.
func reasons() []suite.Test {
	var tests []suite.Test
	for _, m := range slices.Concat(
		conditionReasons(), routeReasons(), rewriteReasons(), serviceReasons(), hostReasons(), includeReasons(), tlsReasons(), tcpReasons(), guardReasons(), jwtReasons(),
	) {
		tests = append(tests, m.test())
	}
	return tests
}

func (m invalidSpec) test() suite.Test {
	t := suite.Test{
		Name:         "httpproxy/" + m.name,
		Sentence:     m.sentence,
		Features:     core(status),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
		Manifests:    shop + manifest("a", m.spec) + m.others,
		Run:          func(t *suite.T) { invalid(t, "a", m.errorType, m.reason) },
	}
	if m.feature != "" {
		t.Features = extended(m.feature)
	}
	if m.warns {
		t.Run = func(t *suite.T) { warned(t, "a", m.errorType, m.reason) }
	}
	return t
}

// manifest is an HTTPProxy. In its specification ROOT is replaced by the host, TLS by the host with a certificate, PIPE by the
// host with passthrough, and SHOP by an existing Service.
func manifest(name, spec string) string {
	spec = strings.NewReplacer(
		"ROOT", `virtualhost: {fqdn: "a.${DOMAIN}"}`,
		"TLS", `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: cert}}`,
		"PIPE", `virtualhost: {fqdn: "a.${DOMAIN}", tls: {passthrough: true}}`,
		"SHOP", "services: [{name: shop, port: 80}]",
	).Replace(spec)
	return "---\napiVersion: " + apiVersion + "\nkind: HTTPProxy\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
}
