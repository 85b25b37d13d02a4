package translate

import (
	"path"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/xds/table"
)

// The certificates of a listener for statistics are files on the disk of Envoy, which the controller does not read. They are secrets
// of SDS with the names that Contour gives them, so that Envoy reads the files again when the directory changes, as that of a
// mounted Secret does.
const (
	statsCertificateName = "metrics-tls-certificate" + notServerName
	statsCAName          = "metrics-ca-certificate" + notServerName
)

// statsTLS returns the transport socket of a listener for statistics; nil for plain text.
func statsTLS(e *encoder, of *ir.Listener) *corev3.TransportSocket {
	if of.TLSFiles == (ir.TLSFiles{}) {
		return nil
	}
	context := &tlsv3.DownstreamTlsContext{
		CommonTlsContext: &tlsv3.CommonTlsContext{
			TlsParams: &tlsv3.TlsParameters{
				TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			},
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{sds(statsCertificateName)},
			AlpnProtocols:                  protocols(ir.AllHTTP),
		},
		SessionTicketKeysType:            &tlsv3.DownstreamTlsContext_DisableStatelessSessionResumption{DisableStatelessSessionResumption: true},
		DisableStatefulSessionResumption: true,
	}
	if of.TLSFiles.CA != "" {
		context.RequireClientCertificate = wrapperspb.Bool(true)
		context.CommonTlsContext.ValidationContextType = &tlsv3.CommonTlsContext_ValidationContextSdsSecretConfig{
			ValidationContextSdsSecretConfig: sds(statsCAName),
		}
	}
	return tlsTransport(e, context)
}

// statsNeeds returns the secrets that a listener for statistics needs.
func statsNeeds(of *ir.Listener) (needs []table.Ref) {
	for _, s := range statsSecrets(of.Key, of) {
		needs = append(needs, table.Ref{Type: table.Secret, Name: s.name})
	}
	return needs
}

// statsSecret is a secret of a listener for statistics.
type statsSecret struct {
	listener ir.ListenerKey
	name     string
}

// statsSecrets returns the secrets of a listener.
func statsSecrets(k ir.ListenerKey, l *ir.Listener) []statsSecret {
	switch {
	case l == nil || l.TLSFiles == (ir.TLSFiles{}):
		return nil
	case l.TLSFiles.CA == "":
		return []statsSecret{{k, statsCertificateName}}
	}
	return []statsSecret{{k, statsCertificateName}, {k, statsCAName}}
}

// addStatsSecrets adds the table of the secrets of listeners for statistics, of which a fleet has at most one with TLS.
func (t *Tables) addStatsSecrets() {
	fleet := func(s statsSecret) ir.Fleet { return s.listener.Fleet }
	memo.DemandFrom(t.from.Listeners, owned(t, "translate/secrets of statistics", fleet, func(r *memo.Reader, s statsSecret) *table.Resource {
		l := t.from.Listeners.Get(r, s.listener)
		if l == nil {
			return nil
		}
		return fileSecret(s.name, l.TLSFiles)
	}), statsSecrets)
}

// fileSecret returns one of the secrets of a listener for statistics.
func fileSecret(name string, files ir.TLSFiles) *table.Resource {
	secret := &tlsv3.Secret{Name: name}
	if name == statsCAName {
		secret.Type = &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: onDisk(files.CA), WatchedDirectory: directoryOf(files.CA),
		}}
	} else {
		secret.Type = &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: onDisk(files.Certificate), PrivateKey: onDisk(files.Key), WatchedDirectory: directoryOf(files.Certificate),
		}}
	}
	e := &encoder{}
	body := e.bytes(secret)
	return &table.Resource{Ref: table.Ref{Type: table.Secret, Name: name}, Body: body, Invalid: e.invalid()}
}

func onDisk(file string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: file}}
}

func directoryOf(file string) *corev3.WatchedDirectory {
	return &corev3.WatchedDirectory{Path: path.Dir(file)}
}
