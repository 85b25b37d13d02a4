package httpproxy

func conditionReasons() []invalidSpec {
	return []invalidSpec{
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
			name:      "reason-path-regex",
			sentence:  "An invalid pattern for the path is an error.",
			errorType: "RouteError", reason: "PathMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{regex: "/("}], SHOP}]`,
		},
		{
			name:      "reason-header-conditions",
			sentence:  "Two exact conditions on one header are an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, exact: b}}, {header: {name: x-a, exact: c}}], SHOP}]`,
		},
		{
			name:      "reason-header-present-and-not",
			sentence:  "A header that must be present and absent is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, present: true}}, {header: {name: X-A, notpresent: true}}], SHOP}]`,
		},
		{
			name:      "reason-header-exact-and-not",
			sentence:  "A header that must equal and not equal the same value is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, exact: b}}, {header: {name: X-A, notexact: b}}], SHOP}]`,
		},
		{
			name:      "reason-header-contains-and-not",
			sentence:  "A header that must contain and not contain the same text is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, contains: b}}, {header: {name: X-A, notcontains: b}}], SHOP}]`,
		},
		{
			name:      "reason-header-regex",
			sentence:  "An invalid pattern for a header is an error.",
			errorType: "RouteError", reason: "HeaderMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{header: {name: X-A, regex: "("}}], SHOP}]`,
		},
		{
			name:      "reason-query-conditions",
			sentence:  "Contradictory query parameter conditions are an error.",
			errorType: "RouteError", reason: "QueryParameterMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{queryParameter: {name: a, exact: b}}, {queryParameter: {name: a, exact: c}}], SHOP}]`,
		},
		{
			name:      "reason-query-two-operators",
			sentence:  "A query parameter condition with two match types is an error.",
			errorType: "RouteError", reason: "QueryParameterMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{queryParameter: {name: a, exact: b, prefix: c}}], SHOP}]`,
		},
		{
			name:      "reason-query-regex",
			sentence:  "An invalid pattern for a query parameter is an error.",
			errorType: "RouteError", reason: "QueryParameterMatchConditionsNotValid",
			spec: `ROOT, routes: [{conditions: [{queryParameter: {name: a, regex: "["}}], SHOP}]`,
		},
	}
}

func routeReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-route-action-count",
			sentence:  "A route that both forwards and redirects is an error.",
			errorType: "RouteError", reason: "RouteActionCountNotValid",
			spec: `ROOT, routes: [{SHOP, requestRedirectPolicy: {path: /}}]`,
		},
		{
			name:      "reason-route-without-action",
			sentence:  "A route without an action is an error.",
			errorType: "RouteError", reason: "RouteActionCountNotValid",
			spec: `ROOT, routes: [{conditions: [{prefix: /a}]}]`,
		},
		{
			name:      "reason-request-headers",
			sentence:  "A request header that is set twice is an error.",
			errorType: "RouteError", reason: "RequestHeadersPolicyInvalid",
			spec: `ROOT, routes: [{SHOP, requestHeadersPolicy: {set: [{name: X-A, value: b}, {name: x-a, value: c}]}}]`,
		},
		{
			name:      "reason-request-header-name",
			sentence:  "An invalid header name is an error.",
			errorType: "RouteError", reason: "RequestHeadersPolicyInvalid",
			spec: `ROOT, routes: [{SHOP, requestHeadersPolicy: {set: [{name: "X A", value: b}]}}]`,
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
			name:      "reason-timeout",
			sentence:  "A timeout that exceeds the range of a duration is an error.",
			errorType: "RouteError", reason: "TimeoutPolicyNotValid",
			spec: `ROOT, routes: [{SHOP, timeoutPolicy: {response: 99999999h}}]`,
		},
	}
}

func rewriteReasons() []invalidSpec {
	return []invalidSpec{
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

func serviceReasons() []invalidSpec {
	return []invalidSpec{
		{
			name:      "reason-service-missing",
			sentence:  "A missing Service is an error.",
			errorType: "ServiceError", reason: "ServiceUnresolvedReference",
			spec: `ROOT, routes: [{services: [{name: absent, port: 80}]}]`,
		},
		{
			name:      "reason-service-port",
			sentence:  "A port that a Service does not have is an error.",
			errorType: "ServiceError", reason: "ServiceUnresolvedReference",
			spec: `ROOT, routes: [{services: [{name: shop, port: 81}]}]`,
		},
		{
			name:      "reason-service-external-name",
			sentence:  "A Service of type ExternalName is an error, unless the controller is configured to allow them.",
			errorType: "ServiceError", reason: "ServiceUnresolvedReference",
			spec:    `ROOT, routes: [{services: [{name: external, port: 80}]}]`,
			others:  "---\napiVersion: v1\nkind: Service\nmetadata: {name: external}\nspec: {type: ExternalName, externalName: backend.example, ports: [{port: 80}]}\n",
			feature: noExternalName,
		},
		{
			name:      "reason-service-validation",
			sentence:  "A missing CA certificate is an error.",
			errorType: "ServiceError", reason: "TLSUpstreamValidation",
			spec: `ROOT, routes: [{services: [{name: shop, port: 80, protocol: tls, validation: {caSecret: absent, subjectName: a.example}}]}]`,
		},
		{
			name:      "reason-service-request-headers",
			sentence:  "A request header that is set twice for a Service is an error.",
			errorType: "ServiceError", reason: "RequestHeadersPolicyInvalid",
			spec: `ROOT, routes: [{services: [{name: shop, port: 80,
			requestHeadersPolicy: {set: [{name: X-A, value: b}, {name: x-a, value: c}]}}]}]`,
		},
		{
			name:      "reason-service-response-headers",
			sentence:  "Host in a response header policy of a Service is an error.",
			errorType: "ServiceError", reason: "ResponseHeadersPolicyInvalid",
			spec: `ROOT, routes: [{services: [{name: shop, port: 80, responseHeadersPolicy: {set: [{name: Host, value: b}]}}]}]`,
		},
	}
}
