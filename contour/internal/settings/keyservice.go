package settings

import "strings"

func clusterKeys() []key {
	breakers, inFile := "envoy.cluster.circuitBreakers.", "cluster.circuit-breakers."
	tls, tlsInFile := "envoy.cluster.upstreamTLS.", "cluster.upstream-tls."
	return []key{
		{field: "envoy.clientCertificate.name", file: "tls.envoy-client-certificate.name"},
		{field: "envoy.clientCertificate.namespace", file: "tls.envoy-client-certificate.namespace"},
		{field: breakers + "maxConnections", file: inFile + "max-connections"},
		{field: breakers + "maxPendingRequests", file: inFile + "max-pending-requests"},
		{field: breakers + "maxRequests", file: inFile + "max-requests"},
		{field: breakers + "maxRetries", file: inFile + "max-retries"},
		{field: breakers + "perHostMaxConnections", file: inFile + "per-host-max-connections"},
		{field: "envoy.cluster.dnsLookupFamily", file: "cluster.dns-lookup-family", value: "auto"},
		{field: "envoy.cluster.maxRequestsPerConnection", file: "cluster.max-requests-per-connection"},
		{field: "envoy.cluster.per-connection-buffer-limit-bytes", file: "cluster.per-connection-buffer-limit-bytes"},
		{field: tls + "cipherSuites", file: tlsInFile + "cipher-suites"},
		{field: tls + "ecdhCurves", file: tlsInFile + "ecdh-curves"},
		{field: tls + "maximumProtocolVersion", file: tlsInFile + "maximum-protocol-version", value: "1.3"},
		{field: tls + "minimumProtocolVersion", file: tlsInFile + "minimum-protocol-version", value: "1.2"},
	}
}

// serviceKeys is what all requests go through: authorization, rate limits, header policies and tracing.
func serviceKeys() []key {
	const traces = "requests are not traced"
	out := []key{
		{field: "globalExtAuth"},
		{field: "globalExtAuth.extensionRef", file: "globalExtAuth.extensionService", named: true},
		{field: "globalExtAuth.serviceType", file: "globalExtAuth.serviceType"},
		{field: "globalExtAuth.httpSettings", file: "globalExtAuth.httpSettings"},
		{field: "globalExtAuth.authPolicy", file: "globalExtAuth.authPolicy"},
		{field: "globalExtAuth.responseTimeout", file: "globalExtAuth.responseTimeout"},
		{field: "globalExtAuth.failOpen", file: "globalExtAuth.failOpen"},
		{field: "globalExtAuth.withRequestBody", file: "globalExtAuth.withRequestBody"},
		{field: "rateLimitService.extensionService", file: "rateLimitService.extensionService", named: true},
		{field: "rateLimitService.domain", file: "rateLimitService.domain"},
		{field: "rateLimitService.failOpen", file: "rateLimitService.failOpen", value: "false"},
		{field: "rateLimitService.enableXRateLimitHeaders", file: "rateLimitService.enableXRateLimitHeaders", value: "false"},
		{field: "rateLimitService.enableResourceExhaustedCode", file: "rateLimitService.enableResourceExhaustedCode", value: "false"},
		{field: "rateLimitService.defaultGlobalRateLimitPolicy", file: "rateLimitService.defaultGlobalRateLimitPolicy"},
	}
	for i := range out {
		if strings.HasPrefix(out[i].field, "rateLimitService.") {
			out[i].with = "rateLimitService.extensionService"
		}
	}
	out = append(out, []key{
		{field: "policy.requestHeaders.set", file: "policy.request-headers.set"},
		{field: "policy.requestHeaders.remove", file: "policy.request-headers.remove"},
		{field: "policy.responseHeaders.set", file: "policy.response-headers.set"},
		{field: "policy.responseHeaders.remove", file: "policy.response-headers.remove"},
		{field: "policy.applyToIngress", file: "policy.applyToIngress", value: "false"},
	}...)
	return append(out, withEffect([]key{
		{field: "tracing.includePodDetail", file: "tracing.includePodDetail", value: "true"},
		{field: "tracing.serviceName", file: "tracing.serviceName", value: "contour"},
		{field: "tracing.overallSampling", file: "tracing.overallSampling", value: "100"},
		{field: "tracing.clientSampling", file: "tracing.clientSampling", value: "100"},
		{field: "tracing.randomSampling", file: "tracing.randomSampling", value: "100"},
		{field: "tracing.maxPathTagLength", file: "tracing.maxPathTagLength", value: "256"},
		{field: "tracing.customTags", file: "tracing.customTags"},
		{field: "tracing.extensionService", file: "tracing.extensionService", named: true},
	}, ignored, traces)...)
}

// withEffect marks keys whose feature is missing.
func withEffect(keys []key, e effect, reason string) []key {
	for i := range keys {
		keys[i].effect, keys[i].reason = e, reason
	}
	return keys
}
