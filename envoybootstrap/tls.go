package envoybootstrap

import "path/filepath"

const (
	// serverSAN is the name that the controller's certificate must have, wherever the controller runs.
	serverSAN = "contour"

	certSecret = "contour_xds_tls_certificate"
	caSecret   = "contour_xds_tls_validation_context"
)

// signatureAlgorithms are those of TLS 1.3 that certificates come with.
func signatureAlgorithms() list {
	return list{
		"ecdsa_secp256r1_sha256", "ecdsa_secp384r1_sha384", "ecdsa_secp521r1_sha512",
		"rsa_pss_rsae_sha256", "rsa_pss_rsae_sha384", "rsa_pss_rsae_sha512",
		"ed25519",
	}
}

func certFile(c Config) string {
	return filepath.Join(c.ResourcesDir, "sds", "xds-tls-certificate.json")
}

func caFile(c Config) string {
	return filepath.Join(c.ResourcesDir, "sds", "xds-validation-context.json")
}

// transportSocket is mutual TLS 1.3 with certificates from the two SDS files.
func transportSocket(c Config) object {
	return object{
		"name": "envoy.transport_sockets.tls",
		"typed_config": typed("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", object{
			"sni": serverSAN,
			"common_tls_context": object{
				"alpn_protocols": list{"h2"},
				"tls_params": object{
					"tls_minimum_protocol_version": "TLSv1_3",
					"tls_maximum_protocol_version": "TLSv1_3",
					"signature_algorithms":         signatureAlgorithms(),
				},
				"tls_certificate_sds_secret_configs":   list{secretFrom(certSecret, certFile(c))},
				"validation_context_sds_secret_config": secretFrom(caSecret, caFile(c)),
			},
		}),
	}
}

func secretFrom(name, path string) object {
	return object{
		"name": name,
		"sds_config": object{
			"resource_api_version": "V3",
			"path_config_source":   object{"path": path},
		},
	}
}

// certSDS is the SDS file of Envoy's certificate. Kubernetes renews a mounted Secret by
// renaming a symbolic link beside the files, hence the watched directory.
func certSDS(t TLS) object {
	cert := object{
		"certificate_chain": object{"filename": t.CertFile},
		"private_key":       object{"filename": t.KeyFile},
	}
	// With two directories Envoy watches each of them by itself.
	if dir := filepath.Dir(t.CertFile); dir == filepath.Dir(t.KeyFile) {
		cert["watched_directory"] = object{"path": dir}
	}
	return sdsFile(certSecret, "tls_certificate", cert)
}

// caSDS is the SDS file of the CA certificates with which Envoy verifies the controller.
func caSDS(t TLS) object {
	return sdsFile(caSecret, "validation_context", object{
		"trusted_ca":        object{"filename": t.CAFile},
		"watched_directory": object{"path": filepath.Dir(t.CAFile)},
		"match_typed_subject_alt_names": list{object{
			"san_type": "DNS",
			"matcher":  object{"exact": serverSAN},
		}},
	})
}

// sdsFile is a DiscoveryResponse with one Secret, as a file source reads it.
func sdsFile(name, field string, value object) object {
	return object{
		"resources": list{
			typed("envoy.extensions.transport_sockets.tls.v3.Secret", object{"name": name, field: value}),
		},
	}
}
