package v1

// JWTProvider is an issuer of JSON Web Tokens and the keys to verify them.
//
// +kubebuilder:validation:XValidation:rule="(has(self.remoteJWKS) && !has(self.localJWKS)) || (!has(self.remoteJWKS) && has(self.localJWKS))",message="exactly one of remoteJWKS and localJWKS must be set"
type JWTProvider struct {
	// Name by which routes refer to the provider; unique in the virtual host.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Applies to routes without a policy. At most one provider can be the default.
	// +optional
	Default bool `json:"default,omitempty"`
	// Value that the claim iss has to have; not checked if empty.
	// +optional
	Issuer string `json:"issuer,omitempty"`
	// Values of which the claim aud has to have one; not checked if empty.
	// +optional
	Audiences []string `json:"audiences,omitempty"`
	// Gets the keys from a URI.
	// +optional
	RemoteJWKS *RemoteJWKS `json:"remoteJWKS,omitempty"`
	// Takes the keys from a Secret.
	// +optional
	LocalJWKS *LocalJWKS `json:"localJWKS,omitempty"`
	// Leaves the token in the request that the Service gets.
	// +optional
	ForwardJWT bool `json:"forwardJWT,omitempty"`
}

// RemoteJWKS is where and how a JSON Web Key Set is fetched.
type RemoteJWKS struct {
	// Address of the key set, with scheme http or https.
	// +kubebuilder:validation:MinLength=1
	URI string `json:"uri"`
	// How the certificate of the server is verified. Only for https.
	// +optional
	UpstreamValidation *UpstreamValidation `json:"validation,omitempty"`
	// How long one attempt may take, as a Go duration; 1s if empty.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+)$`
	Timeout string `json:"timeout,omitempty"`
	// How long the keys are kept, as a Go duration; 5m if empty.
	// +optional
	// +kubebuilder:validation:Pattern=`^(((\d*(\.\d*)?h)|(\d*(\.\d*)?m)|(\d*(\.\d*)?s)|(\d*(\.\d*)?ms)|(\d*(\.\d*)?us)|(\d*(\.\d*)?µs)|(\d*(\.\d*)?ns))+)$`
	CacheDuration string `json:"cacheDuration,omitempty"`
	// IP versions of the server's addresses; if empty, the global setting.
	// +optional
	// +kubebuilder:validation:Enum=auto;v4;v6
	DNSLookupFamily string `json:"dnsLookupFamily,omitempty"`
}

// LocalJWKS is a JSON Web Key Set in a Secret of the same namespace.
type LocalJWKS struct {
	// Name of a Secret of type Opaque.
	// +kubebuilder:validation:MinLength=1
	SecretName string `json:"secretName"`
	// Key of the Secret's data that contains the key set.
	// +kubebuilder:validation:MinLength=1
	Key string `json:"key"`
}

// JWTVerificationPolicy specifies whose token a route requires, if any.
type JWTVerificationPolicy struct {
	// Name of a provider of the virtual host; the default provider if empty.
	// Excludes disabled.
	// +optional
	Require string `json:"require,omitempty"`
	// Requires no token. Excludes require.
	// +optional
	Disabled bool `json:"disabled,omitempty"`
}
