package report

// Type is the type of a sub-condition in the status of a projectcontour.io object.
type Type string

// The types of sub-conditions, as Contour's API names them.
const (
	TypeOrphaned        Type = "Orphaned"
	TypeVirtualHost     Type = "VirtualHostError"
	TypeRootNamespace   Type = "RootNamespaceError"
	TypeSpec            Type = "SpecError"
	TypeInclude         Type = "IncludeError"
	TypeRoute           Type = "RouteError"
	TypeService         Type = "ServiceError"
	TypePrefixReplace   Type = "PrefixReplaceError"
	TypeTLS             Type = "TLSError"
	TypeTCPProxy        Type = "TCPProxyError"
	TypeTCPProxyInclude Type = "TCPProxyIncludeError"
	TypeCORS            Type = "CORSError"
	TypeIPFilter        Type = "IPFilterError"
	TypeJWT             Type = "JWTVerificationError"
	TypeAuth            Type = "AuthError"

	// TypeEnvoy is not in Contour: a resource that Envoy rejects, or a fault of the controller.
	TypeEnvoy Type = "EnvoyError"
	// The types of conditions of the Gateway API.
	TypeAccepted     Type = "Accepted"
	TypeProgrammed   Type = "Programmed"
	TypeResolvedRefs Type = "ResolvedRefs"
	TypeConflicted   Type = "Conflicted"
	// TypePartiallyInvalid is that of routes some of whose rules cannot be served.
	TypePartiallyInvalid Type = "PartiallyInvalid"
	// TypeShadowed is not in the API: requests of a route are served by an older one.
	TypeShadowed Type = "Shadowed"

	// TypeIngress is not in Contour: an error in an Ingress, whose status has no conditions.
	TypeIngress Type = "IngressError"
)

// Reason is the machine-readable reason of a diagnostic.
type Reason string

// The reasons of HTTPProxy, as Contour's API names them.
const (
	// Orphaned: no root includes the proxy. Include it from a root, or give it a virtualhost.
	Orphaned Reason = "Orphaned"
	// FQDNNotSpecified: virtualhost.fqdn is blank. Name the host.
	FQDNNotSpecified Reason = "FQDNNotSpecified"
	// DuplicateVhost: an older root has the same fqdn, or an older object of another namespace claims the host and so owns it
	// (isolation.host-ownership). Delete one, or include one from the other.
	DuplicateVhost Reason = "DuplicateVhost"
	// RootProxyNotAllowedInNamespace: --root-namespaces does not list the namespace of the root, or of the Ingress if it binds
	// these, too. Move the object.
	RootProxyNotAllowedInNamespace Reason = "RootProxyNotAllowedInNamespace"
	// NothingDefined: there are no routes, includes or tcpproxy (or no service and include in a tcpproxy). Add one.
	NothingDefined Reason = "NothingDefined"
	// IgnoredField: a field has no effect here. Remove it.
	IgnoredField Reason = "IgnoredField"
	// IncludeCreatesCycle: the includes form a cycle. Remove one of them.
	IncludeCreatesCycle Reason = "IncludeCreatesCycle"
	// IncludeNotFound: the included proxy does not exist. Create it or correct the name.
	IncludeNotFound Reason = "IncludeNotFound"
	// RootIncludesRoot: the included proxy has a virtualhost of its own. Remove one of the two.
	RootIncludesRoot Reason = "RootIncludesRoot"
	// DuplicateMatchConditions: two includes of a proxy have equal conditions. Make them differ.
	DuplicateMatchConditions Reason = "DuplicateMatchConditions"
	// PathMatchConditionsNotValid: the path conditions do not start with /, do not compile or are too many.
	PathMatchConditionsNotValid Reason = "PathMatchConditionsNotValid"
	// HeaderMatchConditionsNotValid: the header conditions contradict each other or do not compile.
	HeaderMatchConditionsNotValid Reason = "HeaderMatchConditionsNotValid"
	// QueryParameterMatchConditionsNotValid: the query conditions contradict each other or do not compile.
	QueryParameterMatchConditionsNotValid Reason = "QueryParameterMatchConditionsNotValid"
	// RouteActionCountNotValid: a route needs exactly one of services, requestRedirectPolicy and directResponsePolicy.
	RouteActionCountNotValid Reason = "RouteActionCountNotValid"
	// RequestHeadersPolicyInvalid: a request header name or value cannot be sent, or is set twice.
	RequestHeadersPolicyInvalid Reason = "RequestHeadersPolicyInvalid"
	// ResponseHeadersPolicyInvalid: the same for the response headers of a service.
	ResponseHeadersPolicyInvalid Reason = "ResponseHeadersPolicyInvalid"
	// ResponseHeaderPolicyInvalid: the same for the response headers of a route (Contour uses the singular).
	ResponseHeaderPolicyInvalid Reason = "ResponseHeaderPolicyInvalid"
	// TimeoutPolicyNotValid: a duration does not parse. Write it as in 1m30s, or infinity.
	TimeoutPolicyNotValid Reason = "TimeoutPolicyNotValid"
	// RequestRedirectPolicy: the redirect has both path and prefix, or a part that cannot be used.
	RequestRedirectPolicy Reason = "RequestRedirectPolicy"
	// ServicePortInvalid: the port is outside 1-65535.
	ServicePortInvalid Reason = "ServicePortInvalid"
	// ServiceUnresolvedReference: the Service or its port does not exist, or is of a type that is not allowed.
	ServiceUnresolvedReference Reason = "ServiceUnresolvedReference"
	// UnsupportedProtocol: the protocol of the service is not h2, h2c or tls.
	UnsupportedProtocol Reason = "UnsupportedProtocol"
	// TLSUpstreamValidation: the CA Secret or the subject name of upstream validation cannot be used.
	TLSUpstreamValidation Reason = "TLSUpstreamValidation"
	// CACertificateNotDelegated: the CA Secret is in another namespace, which has not delegated it to this one.
	CACertificateNotDelegated Reason = "CACertificateNotDelegated"
	// MustHavePrefix: a prefix replacement is on a route without a prefix condition.
	MustHavePrefix Reason = "MustHavePrefix"
	// DuplicateReplacement: two prefix replacements are for the same prefix.
	DuplicateReplacement Reason = "DuplicateReplacement"
	// AmbiguousReplacement: two prefix replacements have no prefix.
	AmbiguousReplacement Reason = "AmbiguousReplacement"
	// TLSConfigNotValid: the TLS settings contradict each other.
	TLSConfigNotValid Reason = "TLSConfigNotValid"
	// TLSIncompatibleFeatures: two TLS features that exclude each other are on.
	TLSIncompatibleFeatures Reason = "TLSIncompatibleFeatures"
	// SecretNotValid: the Secret does not exist, is of the wrong type, or its contents cannot be used.
	SecretNotValid Reason = "SecretNotValid"
	// DelegationNotPermitted: the Secret is in another namespace, which has not delegated it to this one.
	DelegationNotPermitted Reason = "DelegationNotPermitted"
	// ClientValidationInvalid: the Secret with the CA or the revocation lists of clients does not exist or cannot be used, or
	// there is no CA. The host is not served over TLS.
	ClientValidationInvalid Reason = "ClientValidationInvalid"
	// FallbackNotPresent: the host enables the fallback certificate, and the operator has not configured one.
	FallbackNotPresent Reason = "FallbackNotPresent"
	// FallbackNotDelegated: the namespace of the fallback certificate has not delegated it to that of the host.
	FallbackNotDelegated Reason = "FallbackNotDelegated"
	// FallbackNotValid: the Secret of the fallback certificate does not exist or cannot be used.
	FallbackNotValid Reason = "FallbackNotValid"
	// TLSMustBeConfigured: a tcpproxy is on a host without TLS.
	TLSMustBeConfigured Reason = "TLSMustBeConfigured"
	// NoServicesAndInclude: a tcpproxy has both services and an include.
	NoServicesAndInclude Reason = "NoServicesAndInclude"
	// PolicyDidNotParse: an origin of the CORS policy is no expression, a name is no token, or maxAge is no duration.
	PolicyDidNotParse Reason = "PolicyDidNotParse"
	// IncompatibleIPAddressFilters: ipAllowPolicy and ipDenyPolicy are both set. Keep one.
	IncompatibleIPAddressFilters Reason = "IncompatibleIPAddressFilters"
	// InvalidCIDR: a cidr is neither an IP address nor a range of them, as in 10.0.0.0/8.
	InvalidCIDR Reason = "InvalidCIDR"
	// IPFilterPolicyNotValid: the source is neither Peer nor Remote, or there are too many ranges.
	IPFilterPolicyNotValid Reason = "IPFilterPolicyNotValid"
	// HealthCheckPolicyInvalid: a health check has a path, host, number or range of status codes that cannot be used.
	HealthCheckPolicyInvalid Reason = "HealthCheckPolicyInvalid"
	// CookieRewritePoliciesInvalid: a rewrite of a cookie has a name or attribute that cannot be used, or changes nothing.
	CookieRewritePoliciesInvalid Reason = "CookieRewritePoliciesInvalid"
	// SlowStartInvalid: slow start needs the strategy RoundRobin or WeightedLeastRequest, a window and a positive aggression.
	SlowStartInvalid Reason = "SlowStartInvalid"
	// OnlyOneMirror: a route has several services with mirror. Keep one.
	OnlyOneMirror Reason = "OnlyOneMirror"
	// AuthNotPermitted: a host that does not terminate TLS names an authorization service. Give it a certificate.
	AuthNotPermitted Reason = "AuthNotPermitted"
	// AuthBadResourceVersion: the apiVersion of an extensionRef is not projectcontour.io/v1alpha1. Remove it.
	AuthBadResourceVersion Reason = "AuthBadResourceVersion"
	// ExtensionServiceNotFound: the ExtensionService of an authorization does not exist, has errors, or cannot be called in the
	// way of the authorization. See its status.
	ExtensionServiceNotFound Reason = "ExtensionServiceNotFound"
	// AuthResponseTimeoutInvalid: the responseTimeout of an authorization is no duration.
	AuthResponseTimeoutInvalid Reason = "AuthResponseTimeoutInvalid"
	// AuthContextForHTTP: an authorization has a context for a service that speaks HTTP, which has no place for one.
	AuthContextForHTTP Reason = "AuthContextForHTTP"
	// AuthBadAllowedHeader: an allowed header of an authorization does not have exactly one of its fields, or a name that no
	// header has, or that of a header of the connection.
	AuthBadAllowedHeader Reason = "AuthBadAllowedHeader"
	// InconsistentProtocol: an ExtensionService verifies certificates with a protocol other than h2, or has an unknown protocol.
	InconsistentProtocol Reason = "InconsistentProtocol"
	// UnsupportedServiceType: an ExtensionService names a Service of type ExternalName. Name one with endpoints.
	UnsupportedServiceType Reason = "UnsupportedServiceType"
	// RateLimitPolicyNotValid: a local rate limit has a count, unit, status code or header that cannot be used, or a global one a
	// descriptor.
	RateLimitPolicyNotValid Reason = "RateLimitPolicyNotValid"
	// JWTVerificationNotPermitted: a host without a TLS certificate has jwtProviders; tokens would travel in clear. Add tls.secretName.
	JWTVerificationNotPermitted Reason = "JWTVerificationNotPermitted"
	// DuplicateProviderName: two JWT providers of a host have one name. Rename one.
	DuplicateProviderName Reason = "DuplicateProviderName"
	// MultipleDefaultProvidersSpecified: two JWT providers of a host are the default. Keep one default.
	MultipleDefaultProvidersSpecified Reason = "MultipleDefaultProvidersSpecified"
	// JWKSSourceConflict: a JWT provider has both remoteJWKS and localJWKS. Keep one.
	JWKSSourceConflict Reason = "JWKSSourceConflict"
	// JWKSSourceMissing: a JWT provider has neither remoteJWKS nor localJWKS. Add one.
	JWKSSourceMissing Reason = "JWKSSourceMissing"
	// LocalJWKSInvalid: the Secret of the keys does not exist, or has no usable key set under that key.
	LocalJWKSInvalid Reason = "LocalJWKSInvalid"
	// RemoteJWKSURIInvalid: the URI of the keys is no absolute URL, or has credentials.
	RemoteJWKSURIInvalid Reason = "RemoteJWKSURIInvalid"
	// RemoteJWKSSchemeInvalid: the scheme of the URI of the keys is neither http nor https.
	RemoteJWKSSchemeInvalid Reason = "RemoteJWKSSchemeInvalid"
	// RemoteJWKSPortInvalid: the port in the URI of the keys is outside 1-65535.
	RemoteJWKSPortInvalid Reason = "RemoteJWKSPortInvalid"
	// RemoteJWKSUpstreamValidationInvalid: the CA Secret or a subject name for the server of the keys cannot be used.
	RemoteJWKSUpstreamValidationInvalid Reason = "RemoteJWKSUpstreamValidationInvalid"
	// RemoteJWKSCACertificateNotDelegated: the CA Secret is in another namespace, which has not delegated it to this one.
	RemoteJWKSCACertificateNotDelegated Reason = "RemoteJWKSCACertificateNotDelegated"
	// RemoteJWKSTimeoutInvalid: the timeout is not a duration above zero, as in 1s.
	RemoteJWKSTimeoutInvalid Reason = "RemoteJWKSTimeoutInvalid"
	// RemoteJWKSCacheDurationInvalid: the cacheDuration is not a duration above zero, as in 5m.
	RemoteJWKSCacheDurationInvalid Reason = "RemoteJWKSCacheDurationInvalid"
	// RemoteJWKSDNSLookupFamilyInvalid: the dnsLookupFamily is not one of auto, v4, v6 and all.
	RemoteJWKSDNSLookupFamilyInvalid Reason = "RemoteJWKSDNSLookupFamilyInvalid"
	// InvalidJWTVerificationPolicy: a route both requires a token and disables its verification. Keep one.
	InvalidJWTVerificationPolicy Reason = "InvalidJWTVerificationPolicy"
	// JWTProviderNotDefined: a route requires a token of a provider that its root does not have.
	JWTProviderNotDefined Reason = "JWTProviderNotDefined"
)

// The reasons that Contour does not have.
const (
	// IncludeNotPermitted: the included proxy is in another namespace, and its annotation projectcontour.io/include-from does not
	// name the namespace of the one that includes it (isolation.inclusion-consent). Have it added, or remove the inclusion.
	IncludeNotPermitted Reason = "IncludeNotPermitted"
	// RemoteJWKSNotFetched: the controller cannot fetch the keys of a JWT provider. Without earlier keys, routes that require
	// its tokens respond with 503. Make the server respond with the keys.
	RemoteJWKSNotFetched Reason = "RemoteJWKSNotFetched"
	// JWTProviderNotValid: a JWT provider has a value that Envoy does not support, or the host has too many of them.
	JWTProviderNotValid Reason = "JWTProviderNotValid"
	// SecretExpired: the certificate is past its end date. It is served; renew it.
	SecretExpired Reason = "SecretExpired"
	// InternalRedirectPolicyNotValid: a status code of the policy is that of no redirect, or allowCrossSchemeRedirect is unknown.
	InternalRedirectPolicyNotValid Reason = "InternalRedirectPolicyNotValid"
	// RetryPolicyNotValid: the retry policy has a value that Envoy does not support.
	RetryPolicyNotValid Reason = "RetryPolicyNotValid"
	// DirectResponsePolicyNotValid: the direct response has a status code outside 200-599 or too long a body.
	DirectResponsePolicyNotValid Reason = "DirectResponsePolicyNotValid"
	// ReplacementNotValid: the replacement of a prefix does not start with /, or has control characters.
	ReplacementNotValid Reason = "ReplacementNotValid"
	// ServiceWeightInvalid: a weight is negative, or the sum of the weights exceeds 32 bits.
	ServiceWeightInvalid Reason = "ServiceWeightInvalid"
	// RouteConflict: an older object has a route with equal conditions on the host.
	RouteConflict Reason = "RouteConflict"
	// FeatureNotSupported: this version does not support the field of Contour's API; the route responds with an error.
	FeatureNotSupported Reason = "FeatureNotSupported"
	// TooMany: the routes and includes of the object exceed a limit.
	TooMany Reason = "TooMany"
	// BudgetExceeded: the host or the namespace has more of something than its budget. Delete some of it, or ask the operator
	// to raise the budget (budgets in the configuration file).
	BudgetExceeded Reason = "BudgetExceeded"
	// RejectedByEnvoy: Envoy rejects a resource made of the object; the last accepted configuration is still served.
	RejectedByEnvoy Reason = "RejectedByEnvoy"
	// InternalError: the controller failed on the object. It is a bug; the last valid configuration is still served.
	InternalError Reason = "InternalError"
	// HostNotValid: the fqdn of an HTTPProxy, or the host of an Ingress rule, is not a DNS name with at most a leading "*.".
	HostNotValid Reason = "HostNotValid"
	// PathNotValid: the path of an Ingress rule does not start with / or does not compile.
	PathNotValid Reason = "PathNotValid"
	// BackendNotSupported: a resource backend; only Services can be served.
	BackendNotSupported Reason = "BackendNotSupported"
	// AuthorizationNotValid: an authorization has an unknown type of service, a prefix that is no path, or a limit of bodies that
	// is too large.
	AuthorizationNotValid Reason = "AuthorizationNotValid"
	// RateLimitServiceNotFound: requests are to be limited globally, and the configuration has no rateLimitService, or one whose
	// ExtensionService cannot be used.
	RateLimitServiceNotFound Reason = "RateLimitServiceNotFound"
	// AnnotationNotValid: the value of an annotation cannot be used, or the annotation has no effect on this kind.
	AnnotationNotValid Reason = "AnnotationNotValid"
)

// The reasons of the Gateway API, as it names them.
const (
	// InvalidParameters: the parametersRef of a GatewayClass or Gateway is not to a ContourDeployment that exists and can be used, or a
	// Gateway has more listeners than are possible.
	InvalidParameters Reason = "InvalidParameters"
	// UnsupportedAddress: an address of a Gateway has a type other than IPAddress.
	UnsupportedAddress Reason = "UnsupportedAddress"
	// AddressNotUsable: a static address of a Gateway is outside of the configured ranges, or another Gateway uses it.
	AddressNotUsable Reason = "AddressNotUsable"
	// AddressNotAssigned: there is no free address for a Gateway. Configure gateway.addresses, or a larger range.
	AddressNotAssigned Reason = "AddressNotAssigned"
	// PortUnavailable: a port of a listener is one of Envoy itself, or ListenerSets have as many ports as they can have. Choose another one.
	PortUnavailable Reason = "PortUnavailable"
	// ListenersNotValid: no listener of a Gateway or of a ListenerSet is valid. Their conditions say why.
	ListenersNotValid Reason = "ListenersNotValid"
	// NotAllowed: the Gateway of a ListenerSet does not allow those of its namespace (allowedListeners).
	NotAllowed Reason = "NotAllowed"
	// ParentNotAccepted: the Gateway of a ListenerSet is not accepted. Its conditions say why.
	ParentNotAccepted Reason = "ParentNotAccepted"
	// HostnameConflict: two listeners of a port have one hostname. Neither is served if both are of the Gateway; otherwise the first one
	// is: that of the Gateway, else that of the oldest ListenerSet.
	HostnameConflict Reason = "HostnameConflict"
	// ProtocolConflict: two listeners of a port have protocols that exclude each other. Neither is served.
	ProtocolConflict Reason = "ProtocolConflict"
	// UnsupportedValue: a field has a value that cannot be used.
	UnsupportedValue Reason = "UnsupportedValue"
	// IncompatibleFilters: filters of a rule exclude each other, such as a redirect and a rewrite. Keep one.
	IncompatibleFilters Reason = "IncompatibleFilters"
	// InvalidCertificateRef: the Secret of a listener does not exist or cannot be used, or there is none.
	InvalidCertificateRef Reason = "InvalidCertificateRef"
	// InvalidCACertificateRef: the ConfigMap with the authorities for clients does not exist or cannot be used.
	InvalidCACertificateRef Reason = "InvalidCACertificateRef"
	// InvalidCACertificateKind: the reference to authorities for clients is not to a ConfigMap.
	InvalidCACertificateKind Reason = "InvalidCACertificateKind"
	// InvalidClientCertificateRef: the certificate of a Gateway for backends cannot be used. Its backends with TLS answer with an error.
	InvalidClientCertificateRef Reason = "InvalidClientCertificateRef"
	// PolicyConflicted: an older policy has the same target. Remove one of them.
	PolicyConflicted Reason = "Conflicted"
	// TargetNotFound: the Service of a targetRef, or its port, does not exist.
	TargetNotFound Reason = "TargetNotFound"
	// InvalidPolicy: a value of a policy cannot be used. Requests to its targets are answered with an error.
	InvalidPolicy Reason = "Invalid"
	// NoValidCACertificate: clients or backends are to be validated, and there are no authorities for that. The listener is not served,
	// and requests to the backends are answered with an error.
	NoValidCACertificate Reason = "NoValidCACertificate"
	// InvalidRouteKinds: routes of an allowed kind cannot be attached to the listener.
	InvalidRouteKinds Reason = "InvalidRouteKinds"
	// RefNotPermitted: an object of another namespace, of which no ReferenceGrant permits the reference.
	RefNotPermitted Reason = "RefNotPermitted"
	// InvalidKind: a reference is to a kind that cannot be used there.
	InvalidKind Reason = "InvalidKind"
	// BackendNotFound: the Service of a backendRef, or its port, does not exist.
	BackendNotFound Reason = "BackendNotFound"
	// NoMatchingParent: the Gateway of a parentRef has no valid listener with that name and port.
	NoMatchingParent Reason = "NoMatchingParent"
	// NotAllowedByListeners: no listener allows routes of that kind and namespace, or an older route of another kind has the
	// hostname.
	NotAllowedByListeners Reason = "NotAllowedByListeners"
	// NoMatchingListenerHostname: no hostname of the route is one of the listeners.
	NoMatchingListenerHostname Reason = "NoMatchingListenerHostname"
)
