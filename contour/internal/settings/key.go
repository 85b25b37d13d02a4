package settings

import (
	"slices"
	"strings"
)

// key is one setting.
type key struct {
	field string // path in the spec of ContourConfiguration; "" is a setting of the file alone
	file  string // path in the configuration file; "" is a setting of the object alone
	// value is the default as one would write it, "" if there is none; inFile is that of the file if it differs.
	value, inFile string
	inContour     string // the default of Contour if there is none here
	effect        effect
	reason        string // why the setting has no effect, as the end of a sentence
	named         bool   // the file writes namespace/name for what is an object with these fields
	with          string // the field without which this one has no meaning
	ours          bool   // Contour does not have the setting
}

// effect is the effect of a setting.
type effect uint8

const (
	applied effect = iota
	restart        // applied at start-up only
	ignored        // the feature is not there: the setting has no effect
)

// keys is every setting, in the order of the specification.
func keys() []key {
	return slices.Concat(processKeys(), objectKeys(), listenerKeys(), envoyKeys(), clusterKeys(), serviceKeys(), edgeKeys(), isolationKeys(), budgetKeys())
}

func processKeys() []key {
	return []key{
		{file: "debug", value: "false"},
		{file: "incluster", value: "false", effect: restart},
		{file: "kubeconfig", effect: restart},
		{file: "kubernetesClientQPS", effect: restart},
		{file: "kubernetesClientBurst", effect: restart},
		{file: "server"}, // has no keys
		{field: "debug.address", value: "127.0.0.1", effect: restart},
		{field: "debug.port", value: "6060", effect: restart},
		{field: "health.address", value: "0.0.0.0", effect: restart},
		{field: "health.port", value: "8000", effect: restart},
		{field: "metrics.address", file: "metrics.contour.address", value: "0.0.0.0", effect: restart},
		{field: "metrics.port", file: "metrics.contour.port", value: "8000", effect: restart},
		{field: "metrics.tls.caFile", file: "metrics.contour.ca-certificate-path", effect: restart},
		{field: "metrics.tls.certFile", file: "metrics.contour.server-certificate-path", effect: restart},
		{field: "metrics.tls.keyFile", file: "metrics.contour.server-key-path", effect: restart},
		{field: "xdsServer.address", value: "0.0.0.0", effect: restart},
		{field: "xdsServer.port", value: "8001", effect: restart},
		{field: "xdsServer.tls.caFile", value: "/certs/ca.crt", effect: restart},
		{field: "xdsServer.tls.certFile", value: "/certs/tls.crt", effect: restart},
		{field: "xdsServer.tls.keyFile", value: "/certs/tls.key", effect: restart},
		{field: "xdsServer.tls.insecure", value: "false", effect: restart},
	}
}

func objectKeys() []key {
	return []key{
		{field: "enableExternalNameService", file: "enableExternalNameService", value: "false"},
		{field: "featureFlags", file: "featureFlags", effect: ignored, reason: "EndpointSlices are always used, and there are no other flags"},
		{field: "gateway.gatewayRef.name", file: "gateway.gatewayRef.name"},
		{field: "gateway.gatewayRef.namespace", file: "gateway.gatewayRef.namespace"},
		{field: "httpproxy.disablePermitInsecure", file: "disablePermitInsecure", value: "false"},
		{field: "httpproxy.fallbackCertificate.name", file: "tls.fallback-certificate.name"},
		{field: "httpproxy.fallbackCertificate.namespace", file: "tls.fallback-certificate.namespace"},
		{field: "httpproxy.rootNamespaces"},
		{field: "ingress.classNames"},
		{field: "ingress.statusAddress", file: "ingress-status-address"},
		{field: "envoy.service.name", file: "envoy-service-name", value: "envoy"},
		{field: "envoy.service.namespace", file: "envoy-service-namespace", value: "projectcontour"},
	}
}

func listenerKeys() []key {
	return []key{
		{field: "envoy.listener.compression.algorithm", file: "compression.algorithm", value: "gzip"},
		{field: "envoy.listener.connectionBalancer", file: "listener.connection-balancer"},
		{field: "envoy.listener.disableAllowChunkedLength", file: "disableAllowChunkedLength", value: "false"},
		{field: "envoy.listener.disableMergeSlashes", file: "disableMergeSlashes", value: "false"},
		{field: "envoy.listener.httpMaxConcurrentStreams", file: "listener.http2-max-concurrent-streams"},
		{field: "envoy.listener.maxConnectionsPerListener", file: "listener.max-connections-per-listener"},
		{field: "envoy.listener.maxConnectionsToAcceptPerSocketEvent", file: "listener.max-connections-to-accept-per-socket-event"},
		{field: "envoy.listener.maxRequestsPerConnection", file: "listener.max-requests-per-connection"},
		{field: "envoy.listener.maxRequestsPerIOCycle", file: "listener.max-requests-per-io-cycle"},
		{field: "envoy.listener.per-connection-buffer-limit-bytes", file: "listener.per-connection-buffer-limit-bytes"},
		{field: "envoy.listener.serverHeaderTransformation", file: "serverHeaderTransformation", value: "overwrite"},
		{field: "envoy.listener.socketOptions.tos", file: "listener.socket-options.tos"},
		{field: "envoy.listener.socketOptions.trafficClass", file: "listener.socket-options.traffic-class"},
		{field: "envoy.listener.tls.cipherSuites", file: "tls.cipher-suites", value: "[" + strings.Join(defaultCiphers(), ", ") + "]"},
		{field: "envoy.listener.tls.ecdhCurves", file: "tls.ecdh-curves"},
		{field: "envoy.listener.tls.fingerprint.ja3", file: "tls.fingerprint.ja3", value: "false"},
		{field: "envoy.listener.tls.fingerprint.ja4", file: "tls.fingerprint.ja4", value: "false"},
		{field: "envoy.listener.tls.maximumProtocolVersion", file: "tls.maximum-protocol-version", value: "1.3"},
		{field: "envoy.listener.tls.minimumProtocolVersion", file: "tls.minimum-protocol-version", value: "1.2"},
		{field: "envoy.listener.useProxyProtocol", value: "false"},
		{field: "envoy.runtimeSettings", file: "runtime-settings"},
	}
}

func envoyKeys() []key {
	return []key{
		{field: "envoy.defaultHTTPVersions", file: "default-http-versions", value: "[HTTP/1.1, HTTP/2]"},
		{field: "envoy.health.address", value: "0.0.0.0"},
		{field: "envoy.health.port", value: "8002"},
		{field: "envoy.http.accessLog", value: "/dev/stdout"},
		{field: "envoy.http.address", value: "0.0.0.0"},
		{field: "envoy.http.port", value: "8080"},
		{field: "envoy.https.accessLog", value: "/dev/stdout"},
		{field: "envoy.https.address", value: "0.0.0.0"},
		{field: "envoy.https.port", value: "8443"},
		{field: "envoy.logging.accessLogFormat", file: "accesslog-format", value: "envoy"},
		{field: "envoy.logging.accessLogFormatString", file: "accesslog-format-string"},
		{field: "envoy.logging.accessLogJSONFields", file: "json-fields", value: "[" + strings.Join(defaultFields(), ", ") + "]"},
		{field: "envoy.logging.accessLogLevel", file: "accesslog-level", value: "info"},
		{field: "envoy.metrics.address", file: "metrics.envoy.address", value: "0.0.0.0"},
		{field: "envoy.metrics.port", file: "metrics.envoy.port", value: "8002"},
		{field: "envoy.metrics.tls.caFile", file: "metrics.envoy.ca-certificate-path"},
		{field: "envoy.metrics.tls.certFile", file: "metrics.envoy.server-certificate-path"},
		{field: "envoy.metrics.tls.keyFile", file: "metrics.envoy.server-key-path"},
		{field: "envoy.network.adminPort", file: "network.admin-port", inContour: "9001"},
		{field: "envoy.network.numTrustedHops", file: "network.num-trusted-hops", value: "0"},
		{field: "envoy.network.stripTrailingHostDot", file: "network.strip-trailing-host-dot", value: "false"},
		{field: "envoy.omEnforcedHealth.address", file: "omEnforcedHealthListener.address"},
		{field: "envoy.omEnforcedHealth.port", file: "omEnforcedHealthListener.port"},
		{field: "envoy.timeouts.connectTimeout", file: "timeouts.connect-timeout", value: "2s"},
		{field: "envoy.timeouts.connectionIdleTimeout", file: "timeouts.connection-idle-timeout", inFile: "60s"},
		{field: "envoy.timeouts.connectionShutdownGracePeriod", file: "timeouts.connection-shutdown-grace-period"},
		{field: "envoy.timeouts.delayedCloseTimeout", file: "timeouts.delayed-close-timeout"},
		{field: "envoy.timeouts.maxConnectionDuration", file: "timeouts.max-connection-duration"},
		{field: "envoy.timeouts.requestTimeout", file: "timeouts.request-timeout"},
		{field: "envoy.timeouts.streamIdleTimeout", file: "timeouts.stream-idle-timeout"},
	}
}
