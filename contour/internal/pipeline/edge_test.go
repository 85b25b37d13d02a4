package pipeline_test

import (
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/xds/table"
)

// resource decodes a resource of the table.
func (s *system) resource(t *testing.T, typ table.Type, name string, into proto.Message) {
	t.Helper()
	v := s.table.Get(table.Ref{Type: typ, Name: name})
	if v == nil {
		t.Fatalf("there is no %s %s", typ, name)
	}
	if err := proto.Unmarshal(v.Body(), into); err != nil {
		t.Fatal(err)
	}
}

// Without settings, clients and backends have the limits of Envoy's guide for proxies at the edge (docs/security.md), and
// what they say means what it means with Contour.
func TestDefaultsAreThoseOfTheGuide(t *testing.T) {
	sys := newSystem(t, config.Default())
	sys.Step(manyObjects(t, 1))
	var l listenerv3.Listener
	sys.resource(t, table.Listener, "ingress_http", &l)
	var m hcmv3.HttpConnectionManager
	if err := l.GetFilterChains()[0].GetFilters()[0].GetTypedConfig().UnmarshalTo(&m); err != nil {
		t.Fatal(err)
	}
	var c clusterv3.Cluster
	for v := range sys.table.Scan() {
		if v.Ref.Type == table.Cluster {
			sys.resource(t, table.Cluster, v.Ref.Name, &c)
		}
	}
	http2 := m.GetHttp2ProtocolOptions()
	for what, ok := range map[string]bool{
		"32 KiB of a client's connection":  l.GetPerConnectionBufferLimitBytes().GetValue() == 32<<10,
		"32 KiB of a backend's connection": c.GetPerConnectionBufferLimitBytes().GetValue() == 32<<10,
		"100 requests at a time":           http2.GetMaxConcurrentStreams().GetValue() == 100,
		"64 KiB of a request":              http2.GetInitialStreamWindowSize().GetValue() == 64<<10,
		"1 MiB of a connection":            http2.GetInitialConnectionWindowSize().GetValue() == 1<<20,
		"an idle timeout of 60 s":          m.GetCommonHttpProtocolOptions().GetIdleTimeout().AsDuration() == time.Minute,
		"a headers timeout of 30 s":        m.GetRequestHeadersTimeout().AsDuration() == 30*time.Second,
		"the address of the connection":    m.GetUseRemoteAddress().GetValue(),
		"normal paths":                     m.GetNormalizePath().GetValue() && m.GetMergeSlashes(),
		"escaped slashes as with Contour":  m.GetPathWithEscapedSlashesAction() == hcmv3.HttpConnectionManager_IMPLEMENTATION_SPECIFIC_DEFAULT,
		"underscores as with Contour":      m.GetCommonHttpProtocolOptions().GetHeadersWithUnderscoresAction() == 0,
	} {
		if !ok {
			t.Errorf("not the default: %s", what)
		}
	}
}
