package httpproxy

import (
	"strings"

	"contour.example/conformance/suite"
)

// mistaken is a specification with one mistake, and the error that the status shall have for it.
type mistaken struct {
	name, sentence    string
	errorType, reason string
	// spec is of the HTTPProxy a; others are more objects.
	spec, others string
}

// reasons are tests of statuses, one for each reason.
func reasons() []suite.Test {
	var tests []suite.Test
	for _, m := range append(routeReasons(), hostReasons()...) {
		tests = append(tests, suite.Test{
			Name:         "httpproxy/" + m.name,
			Sentence:     m.sentence,
			Features:     core(status),
			Backends:     backends("shop"),
			Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"a.${DOMAIN}"}}},
			Manifests:    manifest("a", m.spec) + m.others,
			Run:          func(t *suite.T) { invalid(t, "a", m.errorType, m.reason) },
		})
	}
	return tests
}

// manifest is an HTTPProxy. In its specification ROOT stands for the host, and SHOP for a Service that is there.
func manifest(name, spec string) string {
	spec = strings.NewReplacer(
		"ROOT", `virtualhost: {fqdn: "a.${DOMAIN}"}`, "SHOP", "services: [{name: shop, port: 80}]",
	).Replace(spec)
	return "---\napiVersion: " + apiVersion + "\nkind: HTTPProxy\nmetadata: {name: " + name + "}\nspec: {" + spec + "}\n"
}

func routeReasons() []mistaken {
	return []mistaken{
		{
			name:      "reason-route-action-count",
			sentence:  "A route that both forwards and redirects is an error.",
			errorType: "RouteError", reason: "RouteActionCountNotValid",
			spec: `ROOT, routes: [{SHOP, requestRedirectPolicy: {path: /}}]`,
		},
		{
			name:      "reason-path-conditions",
			sentence:  "A route with two path conditions is an error.",
			errorType: "RouteError", reason: "PathMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{prefix: /a}, {exact: /b}], SHOP}]`,
		},
		{
			name:      "reason-path-without-slash",
			sentence:  "A prefix that does not begin with a slash is an error.",
			errorType: "RouteError", reason: "PathMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{prefix: a}], SHOP}]`,
		},
		{
			name:      "reason-header-conditions",
			sentence:  "A header that must be two things at once is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, exact: b}}, {header: {name: x-a, exact: c}}], SHOP}]`,
		},
		{
			name:      "reason-query-conditions",
			sentence:  "A query parameter that must be two things at once is an error.",
			errorType: "RouteError", reason: "QueryParameterMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{queryParameter: {name: a, exact: b}}, {queryParameter: {name: a, exact: c}}], SHOP}]`,
		},
		{
			name:      "reason-request-headers",
			sentence:  "A request header that is set twice is an error.",
			errorType: "RouteError", reason: "RequestHeadersPolicyInvalid",
			spec: `ROOT, routes: [{SHOP, requestHeadersPolicy: {set: [{name: X-A, value: b}, {name: x-a, value: c}]}}]`,
		},
		{
			name:      "reason-response-headers",
			sentence:  "Host in a response header policy is an error.",
			errorType: "RouteError", reason: "ResponseHeaderPolicyInvalid",
			spec: `ROOT, routes: [{SHOP, responseHeadersPolicy: {set: [{name: Host, value: b}]}}]`,
		},
		{
			name:      "reason-redirect",
			sentence:  "A redirect with both a path and a prefix is an error.",
			errorType: "RouteError", reason: "RequestRedirectPolicy",
			spec: `ROOT, routes: [{requestRedirectPolicy: {path: /a, prefix: /b}}]`,
		},
		{
			name:      "reason-rewrite-without-prefix",
			sentence:  "A prefix rewrite on a route without a prefix condition is an error.",
			errorType: "PrefixReplaceError", reason: "MustHavePrefix",
			spec: `ROOT, routes: [{conditions: [{exact: /a}], SHOP, pathRewritePolicy: {replacePrefix: [{replacement: /b}]}}]`,
		},
		{
			name:      "reason-rewrite-duplicate",
			sentence:  "Two replacements for the same prefix are an error.",
			errorType: "PrefixReplaceError", reason: "DuplicateReplacement",
			spec: `ROOT, routes: [{conditions: [{prefix: /a}], SHOP,
			pathRewritePolicy: {replacePrefix: [{prefix: /a, replacement: /b}, {prefix: /a, replacement: /c}]}}]`,
		},
		{
			name:      "reason-rewrite-ambiguous",
			sentence:  "Two replacements for any prefix are an error.",
			errorType: "PrefixReplaceError", reason: "AmbiguousReplacement",
			spec: `ROOT, routes: [{conditions: [{prefix: /a}], SHOP,
			pathRewritePolicy: {replacePrefix: [{replacement: /b}, {replacement: /c}]}}]`,
		},
	}
}

func hostReasons() []mistaken {
	return []mistaken{
		{
			name:      "reason-nothing-defined",
			sentence:  "A root without routes, inclusions and TCP proxy is an error.",
			errorType: "SpecError", reason: "NothingDefined",
			spec: `ROOT`,
		},
		{
			name:      "reason-root-includes-root",
			sentence:  "Including a root is an error.",
			errorType: "IncludeError", reason: "RootIncludesRoot",
			spec:   `ROOT, includes: [{name: b, conditions: [{prefix: /b}]}]`,
			others: manifest("b", `virtualhost: {fqdn: "b.${DOMAIN}"}, routes: [{SHOP}]`),
		},
		{
			name:      "reason-duplicate-inclusions",
			sentence:  "Two inclusions with the same conditions are an error.",
			errorType: "IncludeError", reason: "DuplicateMatchConditions",
			spec:   `ROOT, includes: [{name: b, conditions: [{prefix: /x}]}, {name: c, conditions: [{prefix: /x}]}]`,
			others: manifest("b", `routes: [{SHOP}]`) + manifest("c", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-cycle",
			sentence:  "An HTTPProxy that includes itself is an error.",
			errorType: "IncludeError", reason: "IncludeCreatesCycle",
			spec:   `includes: [{name: a, conditions: [{prefix: /x}]}]`,
			others: manifest("root", `ROOT, includes: [{name: a}]`),
		},
		{
			name:      "reason-tls-neither",
			sentence:  "TLS with neither a Secret nor passthrough is an error.",
			errorType: "TLSError", reason: "TLSConfigNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-tls-versions",
			sentence:  "A minimum version of TLS above the maximum is an error.",
			errorType: "TLSError", reason: "TLSConfigNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: cert,
			minimumProtocolVersion: "1.3", maximumProtocolVersion: "1.2"}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-tcpproxy-without-tls",
			sentence:  "A TCP proxy without TLS is an error.",
			errorType: "TCPProxyError", reason: "TLSMustBeConfigured",
			spec: `ROOT, tcpproxy: {SHOP}`,
		},
		{
			name:      "reason-tcpproxy-nothing",
			sentence:  "A TCP proxy without Services and inclusion is an error.",
			errorType: "TCPProxyError", reason: "NothingDefined",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {passthrough: true}}, tcpproxy: {}`,
		},
	}
}
