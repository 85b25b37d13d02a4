package httpproxy

func hostReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-nothing-defined",
			sentence:  "A root without routes, inclusions and TCP proxy is an error.",
			errorType: "SpecError", reason: "NothingDefined",
			spec: `ROOT`,
		},
	}
}

func includeReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-include-missing",
			sentence:  "Including a missing HTTPProxy is an error.",
			errorType: "IncludeError", reason: "IncludeNotFound",
			spec: `ROOT, includes: [{name: b, conditions: [{prefix: /b}]}]`,
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
			name:      "reason-include-path",
			sentence:  "An inclusion with any path condition but a prefix is an error.",
			errorType: "IncludeError", reason: "PathMatchConditionsNotValid",
			spec:   `ROOT, includes: [{name: b, conditions: [{exact: /b}]}]`,
			others: manifest("b", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-pattern",
			sentence:  "An inclusion with a pattern of paths is an error.",
			errorType: "IncludeError", reason: "PathMatchConditionsNotValid",
			spec:   `ROOT, includes: [{name: b, conditions: [{regex: "/b+"}]}]`,
			others: manifest("b", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-two-paths",
			sentence:  "An inclusion with two prefixes is an error.",
			errorType: "IncludeError", reason: "PathMatchConditionsNotValid",
			spec:   `ROOT, includes: [{name: b, conditions: [{prefix: /b}, {prefix: /c}]}]`,
			others: manifest("b", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-headers",
			sentence:  "An inclusion with contradictory header conditions is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec:   `ROOT, includes: [{name: b, conditions: [{header: {name: X-A, exact: b}}, {header: {name: X-A, exact: c}}]}]`,
			others: manifest("b", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-query",
			sentence:  "An inclusion with contradictory query parameter conditions is an error.",
			errorType: "RouteError", reason: "QueryParameterMatchConditionsNotValid",
			spec:   `ROOT, includes: [{name: b, conditions: [{queryParameter: {name: a, exact: b}}, {queryParameter: {name: a, exact: c}}]}]`,
			others: manifest("b", `routes: [{SHOP}]`),
		},
		{
			name:      "reason-include-merged-headers",
			sentence:  "A route whose header conditions contradict those of an inclusion above is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec:   `routes: [{conditions: [{header: {name: X-A, exact: c}}], SHOP}]`,
			others: manifest("root", `ROOT, includes: [{name: a, conditions: [{header: {name: X-A, exact: b}}]}]`),
		},
	}
}

func tlsReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-tls-neither",
			sentence:  "TLS with neither a Secret nor passthrough is an error.",
			errorType: "TLSError", reason: "TLSConfigNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-tls-both",
			sentence:  "TLS with both a Secret and passthrough is an error.",
			errorType: "TLSError", reason: "TLSConfigNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: cert, passthrough: true}}, tcpproxy: {SHOP}`,
		},
		{
			name:      "reason-tls-versions",
			sentence:  "A minimum version of TLS above the maximum is an error.",
			errorType: "TLSError", reason: "TLSConfigNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: cert,
			minimumProtocolVersion: "1.3", maximumProtocolVersion: "1.2"}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-tls-passthrough-fallback",
			sentence:  "A fallback certificate with passthrough is an error.",
			errorType: "TLSError", reason: "TLSIncompatibleFeatures",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {passthrough: true, enableFallbackCertificate: true}}, tcpproxy: {SHOP}`,
		},
		{
			name:      "reason-tls-passthrough-client-validation",
			sentence:  "Validation of clients with passthrough is an error.",
			errorType: "TLSError", reason: "TLSIncompatibleFeatures",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {passthrough: true, clientValidation: {caSecret: ca}}}, tcpproxy: {SHOP}`,
		},
		{
			name:      "reason-tls-secret-missing",
			sentence:  "A missing Secret is an error.",
			errorType: "TLSError", reason: "SecretNotValid",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: absent}}, routes: [{SHOP}]`,
		},
		{
			name:      "reason-tls-secret-content",
			sentence:  "A Secret without a certificate in it is an error.",
			errorType: "TLSError", reason: "SecretNotValid",
			spec:   `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: text}}, routes: [{SHOP}]`,
			others: "---\napiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata: {name: text}\nstringData: {tls.crt: none, tls.key: none}\n",
		},
		{
			name:      "reason-tls-delegation",
			sentence:  "A Secret of another namespace that is not delegated is an error.",
			errorType: "TLSError", reason: "DelegationNotPermitted",
			spec: `virtualhost: {fqdn: "a.${DOMAIN}", tls: {secretName: default/cert}}, routes: [{SHOP}]`,
		},
	}
}

func tcpReasons() []invalidSpec {
	return []invalidSpec{
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
			spec: `PIPE, tcpproxy: {}`,
		},
		{
			name:      "reason-tcpproxy-services-and-include",
			sentence:  "A TCP proxy with both Services and an inclusion is an error.",
			errorType: "TCPProxyError", reason: "NoServicesAndInclude",
			spec:   `PIPE, tcpproxy: {SHOP, include: {name: b}}`,
			others: manifest("b", `tcpproxy: {SHOP}`),
		},
		{
			name:      "reason-tcpproxy-service-missing",
			sentence:  "A TCP proxy to a missing Service is an error.",
			errorType: "TCPProxyError", reason: "ServiceUnresolvedReference",
			spec: `PIPE, tcpproxy: {services: [{name: absent, port: 80}]}`,
		},
		{
			name:      "reason-tcpproxy-ignored",
			sentence:  "A load balancing strategy that needs requests is ignored by a TCP proxy, with a warning.",
			errorType: "TCPProxyError", reason: "IgnoredField",
			spec:  `PIPE, tcpproxy: {SHOP, loadBalancerPolicy: {strategy: Cookie}}`,
			warns: true,
		},
		{
			name:      "reason-tcpproxy-include-missing",
			sentence:  "A TCP proxy that includes a missing HTTPProxy is an error.",
			errorType: "TCPProxyIncludeError", reason: "IncludeNotFound",
			spec: `PIPE, tcpproxy: {include: {name: b}}`,
		},
		{
			name:      "reason-tcpproxy-includes-root",
			sentence:  "A TCP proxy that includes another root is an error.",
			errorType: "TCPProxyIncludeError", reason: "RootIncludesRoot",
			spec:   `PIPE, tcpproxy: {include: {name: b}}`,
			others: manifest("b", `virtualhost: {fqdn: "b.${DOMAIN}", tls: {passthrough: true}}, tcpproxy: {SHOP}`),
		},
		{
			name:      "reason-tcpproxy-include-cycle",
			sentence:  "A TCP proxy that includes itself is an error.",
			errorType: "TCPProxyIncludeError", reason: "IncludeCreatesCycle",
			spec:   `tcpproxy: {include: {name: a}}`,
			others: manifest("root", `PIPE, tcpproxy: {include: {name: a}}`),
		},
	}
}
