//go:build envoy

package translate

import (
	"testing"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/stagetest"
	"contour.example/contour/internal/xds/table"
)

// Envoy accepts listeners and clusters with every setting that there is, and with each algorithm of compression.
func TestEnvoyAcceptsAllSettings(t *testing.T) {
	pair, err := stagetest.NewPair("tls.example.com", stagetest.Now().AddDate(10, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	host, secure := httpsHost("tls.example.com"), service("secure")
	secure.Protocol = ir.ProtocolTLS
	for _, algorithm := range []ir.Compression{ir.CompressGzip, ir.CompressBrotli, ir.CompressZstd, ir.CompressNone} {
		at, set := local(t), withSettings()
		for _, l := range []struct{ to, from *ir.Listener }{{&at.http, &set.http}, {&at.https, &set.https}} {
			l.to.Connections, l.to.Client, l.to.TLS = l.from.Connections, l.from.Client, l.from.TLS
			l.to.Connections.TrafficClass = 0 // the sockets are of IPv4
			l.to.Client.AccessLog.Path = "/dev/null"
			l.to.Client.HTTP.Compression = algorithm
		}
		start(t, at, []*table.Resource{
			httpListener(&at.http), tlsListener(&at.https, []namedChain{named(filterChain(host, &at.https), host.Key.Hostname)}), statsListener(&at.stats),
			cluster(secure, ir.CircuitBreakers{}, clusterSettings()), routesOf(host),
			certificate(kobj.Name{Namespace: "app", Name: "cert"}, pair.Certificate, pair.Key),
		})
	}
}
