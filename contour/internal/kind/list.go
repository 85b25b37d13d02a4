package kind

// All lists every kind, in the order in which they are watched.
func All() List {
	return List{
		httpProxy(),
		tlsCertificateDelegation(),
		extensionService(),
		contourConfiguration(),
		contourDeployment(),
		ingress(),
		service(),
		secret(),
		endpointSlice(),
		endpoints(),
		configMap(),
		namespace(),
		gatewayClass(),
		gateway(),
		listenerSet(),
		httpRoute(),
		grpcRoute(),
		tlsRoute(),
		tcpRoute(),
		udpRoute(),
		referenceGrant(),
		backendTLSPolicy(),
	}
}
