package semantic

import (
	"strings"
	"testing"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/xds/table"
)

// The tests of package pipeline compare the answers of the model with those of a real Envoy. The tests here cover what
// translate does not emit.

func TestVirtualHostPrecedence(t *testing.T) {
	domains := []string{"*", "www.*", "*.example.com", "*.b.example.com", "www.example.com"}
	for host, want := range map[string]string{
		"www.example.com": "www.example.com", "WWW.Example.Com:8080": "www.example.com", "x.example.com": "*.example.com",
		"a.b.example.com": "*.b.example.com", "www.example.org": "www.*", "example.com": "*",
	} {
		x := &exchange{host: hostname(host)}
		var hosts []*routev3.VirtualHost
		for _, d := range domains {
			hosts = append(hosts, &routev3.VirtualHost{Domains: []string{d}})
		}
		if got := x.virtualHost(hosts).GetDomains()[0]; got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}

func TestFilterChainByServerName(t *testing.T) {
	l := &listenerv3.Listener{}
	for _, name := range []string{"any", "*.example.com", "*.b.example.com", "www.example.com"} {
		l.FilterChains = append(l.FilterChains, &listenerv3.FilterChain{Name: name})
	}
	other := treeOf(t, &networkv3.TransportProtocolInput{}, "tls", "any")
	list := &xdsmatcherv3.Matcher_MatcherList{}
	for _, suffix := range []string{".b.example.com", ".example.com"} {
		list.Matchers = append(list.Matchers, &xdsmatcherv3.Matcher_MatcherList_FieldMatcher{
			Predicate: &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
				SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
					Input: &xdscorev3.TypedExtensionConfig{TypedConfig: packed(t, &networkv3.ServerNameInput{})},
					Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{
						ValueMatch: &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_Suffix{Suffix: suffix}},
					},
				},
			}},
			OnMatch: selects(t, "*"+suffix),
		})
	}
	wildcards := &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: list}, OnNoMatch: nested(other)}
	l.FilterChainMatcher = treeOf(t, &networkv3.ServerNameInput{}, "www.example.com", "www.example.com")
	l.FilterChainMatcher.OnNoMatch = nested(wildcards)
	for sni, want := range map[string]string{
		"www.example.com": "www.example.com", "x.example.com": "*.example.com", "x.y.example.com": "*.example.com",
		"a.b.example.com": "*.b.example.com", "example.org": "any", "example.com": "any", "": "any",
	} {
		x := &exchange{Request: Request{TLS: true, SNI: sni}}
		if got, err := x.chain(l); err != nil || got.GetName() != want {
			t.Errorf("%s: %q (%v), want %q", sni, got.GetName(), err, want)
		}
	}
	if got, err := (&exchange{}).chain(l); err != nil || got != nil {
		t.Errorf("a connection without TLS: %v (%v), want no filter chain", got, err)
	}
}

// treeOf returns a matcher that selects a chain for one value of the input.
func treeOf(t *testing.T, input proto.Message, value, chain string) *xdsmatcherv3.Matcher {
	t.Helper()
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
		Input: &xdscorev3.TypedExtensionConfig{TypedConfig: packed(t, input)},
		TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{
			ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: map[string]*xdsmatcherv3.Matcher_OnMatch{value: selects(t, chain)}},
		},
	}}}
}

func nested(m *xdsmatcherv3.Matcher) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: m}}
}

func selects(t *testing.T, chain string) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{TypedConfig: packed(t, wrapperspb.String(chain))},
	}}
}

func packed(t *testing.T, m proto.Message) *anypb.Any {
	t.Helper()
	out, err := anypb.New(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A redirect that sets a port replaces that of the request, also after an IPv6 address, which keeps its brackets.
func TestHostOfARedirectWithAPort(t *testing.T) {
	for authority, want := range map[string]string{
		"a.example.com": "a.example.com", "a.example.com:80": "a.example.com", "[::1]": "[::1]", "[::1]:8080": "[::1]", "127.0.0.1:80": "127.0.0.1",
	} {
		x := &exchange{authority: authority}
		if got := x.redirectHost("https", true); got != want {
			t.Errorf("%s: %s, want %s", authority, got, want)
		}
	}
}

func TestUnsupportedFieldIsAnError(t *testing.T) {
	x := &exchange{path: "/", headers: map[string]string{}}
	for name, m := range map[string]*routev3.RouteMatch{
		"a field":   {PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}, Grpc: &routev3.RouteMatch_GrpcRouteMatchOptions{}},
		"a path":    {PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{}},
		"a matcher": {PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}, Headers: []*routev3.HeaderMatcher{{Name: "x"}}},
	} {
		if _, err := x.matches(m); err == nil || !strings.Contains(err.Error(), "the model does not support") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewRejectsAMessageOfAnotherName(t *testing.T) {
	body, err := proto.Marshal(&routev3.RouteConfiguration{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New([]Resource{{Ref: table.Ref{Type: table.Route, Name: "b"}, Body: body}}); err == nil {
		t.Error("a message with another name is accepted")
	}
}

func TestPathsAreNormalized(t *testing.T) {
	for path, want := range map[string]string{
		"": "/", "/a//b": "/a/b", "/a/./b": "/a/b", "/a/../b": "/b", "/a/..": "/", "/a/.": "/a/", "/../x": "/x", "//": "//", "///": "//",
	} {
		x, err := (&Envoy{}).receive(Request{Host: "a", Path: path})
		if err != nil {
			t.Fatal(err)
		}
		if status, _ := x.normalizePath(&hcmv3.HttpConnectionManager{MergeSlashes: true}); status != 0 || x.path != want {
			t.Errorf("%q: %q (%d), want %q", path, x.path, status, want)
		}
	}
}

func TestExpressionsMatchTheWholeText(t *testing.T) {
	for expr, want := range map[string]bool{"/a": false, "/a.*": true, "/a|/ab": true, "a": false} {
		if got, err := matchesFully(&matcherv3.RegexMatcher{Regex: expr}, "/ab"); err != nil || got != want {
			t.Errorf("%s: %t (%v)", expr, got, err)
		}
	}
}

func TestFormatter(t *testing.T) {
	e := newEditor(map[string]string{"x-in": "in"})
	for value, want := range map[string]string{
		"100%%": "100%", "%REQ(X-In)%": "in", "%REQ(none)%": "", "a %PROTOCOL% b": "a %PROTOCOL% b", "%START_TIME(%s)%": "%START_TIME(%s)%",
	} {
		if got, err := e.format(value); err != nil || got != want {
			t.Errorf("%q: %q (%v), want %q", value, got, err, want)
		}
	}
	if _, err := e.format("50% off"); err == nil {
		t.Error("a single percent sign is accepted, which Envoy rejects")
	}
}
