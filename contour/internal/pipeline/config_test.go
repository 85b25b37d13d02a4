package pipeline_test

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"time"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// otherValues is values that settings can have besides the default, by the path of the setting. Its type stands for all
// settings of that type without an entry of their own; of a structure without an entry each field is a setting.
func otherValues() map[string][]any {
	return map[string][]any{
		"bool":           {true},
		"int32":          {int32(7)},
		"uint32":         {uint32(7)},
		"time.Duration":  {3 * time.Second},
		"ir.Timeout":     {ir.Timeout{Disabled: true}, ir.Timeout{Duration: 7 * time.Second}},
		"config.Address": {config.Address{Host: "127.0.0.1", Port: 7000}, config.Address{Host: "::1", Port: 7001}},

		"Objects.IngressClassNames": {[]string{"other"}, []string{"contour", "other"}},
		"Objects.RootNamespaces":    {[]string{"a"}},

		"Objects.FallbackCertificate": {kobj.Name{Namespace: "a", Name: "secret-1"}},
		"Objects.ClientCertificate":   {kobj.Name{Namespace: "a", Name: "secret-1"}},
		"Tracing.Collector":           {kobj.Name{Namespace: "a", Name: "extension-1"}, kobj.Name{Namespace: "b", Name: "extension-2"}},
		"Tracing.ServiceName":         {"edge"},
		"Tracing.Tags":                {[]ir.TraceTag{{Name: "cluster", Literal: "c"}, {Name: "agent", Header: "User-Agent"}}},
		"float64":                     {12.5, 0.0},

		"Runtime.Values": {[]ir.RuntimeValue{{Key: "upstream.use_retry", Value: "100"}}},

		"Names.Family":            {ir.AddressesV4, ir.AddressesAll},
		"Gateways.ControllerName": {"example.com/other"},
		"Gateways.Only":           {kobj.Name{Namespace: "a", Name: "gateway-1"}},
		"Gateways.Addresses":      {[]netip.Prefix{netip.MustParsePrefix("127.9.0.0/24")}},

		"Status.Addresses":    {[]string{"192.0.2.1", "lb.example.com"}},
		"Status.EnvoyService": {config.Service{Namespace: "a", Name: "service-1"}},

		"Listeners.StatsTLS": {ir.TLSFiles{Certificate: "/c/tls.crt", Key: "/c/tls.key"}, ir.TLSFiles{Certificate: "/c/tls.crt", Key: "/c/tls.key", CA: "/ca/ca.crt"}},
		"Process.MetricsTLS": {ir.TLSFiles{Certificate: "/c", Key: "/k"}},

		"ir.HTTPVersions":   {ir.OnlyHTTP1, ir.OnlyHTTP2},
		"ir.ServerHeader":   {ir.AppendServerHeaderIfAbsent, ir.PassServerHeader},
		"ir.Compression":    {ir.CompressBrotli, ir.CompressZstd, ir.CompressNone},
		"ir.Windows":        {ir.Windows{Stream: 65_535, Connection: 1 << 24}, ir.Windows{}},
		"ir.Underscores":    {ir.RejectUnderscores, ir.DropUnderscores},
		"ir.EscapedSlashes": {ir.RejectEscapedSlashes, ir.RedirectEscapedSlashes},

		"TLS.Min": {ir.TLS13}, "Cluster.TLS.Min": {ir.TLS13},
		"TLS.Max": {ir.TLS12}, "Cluster.TLS.Max": {ir.TLS12},
		"TLS.CipherSuites": {[]string{"ECDHE-RSA-AES128-GCM-SHA256"}}, "Cluster.TLS.CipherSuites": {[]string{"ECDHE-RSA-AES128-GCM-SHA256"}},
		"TLS.Curves": {[]string{"X25519"}}, "Cluster.TLS.Curves": {[]string{"X25519"}},

		"AccessLog.HTTP": {"", "/tmp/http"}, "AccessLog.HTTPS": {"", "/tmp/https"},
		"AccessLog.LogFormat.Format":    {"json"},
		"AccessLog.LogFormat.Text":      {"%PROTOCOL%\n", "%METADATA(ROUTE:envoy.access_loggers.file:io.projectcontour.name)%\n"},
		"AccessLog.LogFormat.Fields":    {[]ir.LogField{{Name: "protocol", Value: "%PROTOCOL%"}}},
		"AccessLog.LogFormat.MinStatus": {uint32(400)},

		"Authorization.Server": {
			&contourv1.AuthorizationServer{ExtensionServiceRef: contourv1.ExtensionServiceReference{Namespace: "a", Name: "extension-1"}},
			&contourv1.AuthorizationServer{
				ExtensionServiceRef: contourv1.ExtensionServiceReference{Namespace: "b", Name: "extension-2"},
				AuthPolicy:          &contourv1.AuthorizationPolicy{Disabled: new(true), Context: map[string]string{"a": "global"}},
			},
		},

		"RateLimits.Service": {kobj.Name{Namespace: "a", Name: "extension-1"}, kobj.Name{Namespace: "b", Name: "extension-2"}},
		"RateLimits.Domain":  {"other"},
		"RateLimits.Default": {
			[]ir.LimitDescriptor{{{Kind: ir.LimitAddress}}},
			[]ir.LimitDescriptor{{{Value: "over"}}, {{Kind: ir.LimitMatch, Value: "m", Headers: []ir.HeaderMatch{{Name: "x-a", Kind: ir.StringPresent}}}}},
		},

		"Headers.Requests": {
			ir.HeaderEdits{Set: []ir.Header{{Name: "X-Default", Value: "%CONTOUR_SERVICE_NAME%"}, {Name: "X-A", Value: "default"}}},
			ir.HeaderEdits{Remove: []string{"X-A", "X-Default"}},
		},
		"Headers.Responses": {
			ir.HeaderEdits{Set: []ir.Header{{Name: "X-Default", Value: "%CONTOUR_NAMESPACE% %RESPONSE_FLAGS%"}}, Remove: []string{"X-A"}},
		},

		"Endpoints.Denied": {[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/31")}},

		"RouteTables.Hosts": {0, 100_000},

		"Budgets.Routes": {40, 0}, "Budgets.ObjectRoutes": {6, 0}, "Budgets.VirtualHosts": {15, 0}, "Budgets.TLSHosts": {3, 0}, "Budgets.Clusters": {20, 0}, "Budgets.Listeners": {1, 0}, "Budgets.Addresses": {1, 0},
		"Budgets.Endpoints": {200, 0}, "Budgets.HealthChecks": {2, 0}, "Budgets.Expressions": {60, 0}, "Budgets.HostExpressions": {40, 0}, "Budgets.ExpressionSize": {20, 0},
		"Budgets.FilterChains": {50},
	}
}

// randomConfig is the default configuration with some of what an operator can change, in every group.
func randomConfig(t testing.TB, r *rand.Rand) config.Config {
	t.Helper()
	c, others := config.Default(), otherValues()
	groups := reflect.ValueOf(&c).Elem()
	for i := range groups.NumField() {
		if name := groups.Type().Field(i).Name; name != "Process" { // read at start-up only
			vary(t, r, others, name, groups.Field(i))
		}
	}
	for _, tls := range []*config.TLS{&c.TLS, &c.Cluster.TLS} {
		tls.Min = min(tls.Min, tls.Max)
	}
	return c
}

// vary changes the setting with that path, or if it is a structure its fields, each one time in four.
func vary(t testing.TB, r *rand.Rand, others map[string][]any, path string, v reflect.Value) {
	t.Helper()
	values, ok := others[path]
	if !ok {
		values, ok = others[v.Type().String()]
	}
	switch {
	case ok:
		if r.IntN(4) == 0 {
			v.Set(reflect.ValueOf(values[r.IntN(len(values))]))
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			vary(t, r, others, path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	default:
		t.Fatalf("otherValues has no value for the setting %s of type %s", path, v.Type())
	}
}

// The random configurations differ from the default in every setting at some time.
func TestRandomConfigurationsChangeEverySetting(t *testing.T) {
	r, constant := rand.New(rand.NewPCG(1, 2)), map[string]bool{}
	settings(reflect.ValueOf(config.Default()), "", func(path string, _ any) { constant[path] = true })
	for range 200 {
		c := randomConfig(t, r)
		defaults := map[string]any{}
		settings(reflect.ValueOf(config.Default()), "", func(path string, v any) { defaults[path] = v })
		settings(reflect.ValueOf(c), "", func(path string, v any) {
			if !reflect.DeepEqual(v, defaults[path]) {
				delete(constant, path)
			}
		})
	}
	for path := range constant {
		t.Errorf("%s is always the default", path)
	}
}

// settings calls f for every setting that is not of the process.
func settings(v reflect.Value, path string, f func(path string, v any)) {
	if v.Kind() != reflect.Struct {
		f(path, v.Interface())
		return
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; path != "" || name != "Process" {
			settings(v.Field(i), path+"."+name, f)
		}
	}
}
