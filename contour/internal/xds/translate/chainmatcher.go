package translate

import (
	"strings"
	"unicode/utf8"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"contour.example/contour/internal/xds/table"
)

// The server names of the filter chains of a listener are in its matcher, not in the chains: Envoy replaces a matcher in place,
// while a chain that changes drains its connections. A name of a chain that does not exist closes connections, so that no
// broader name serves them.

// namedChain is a filter chain of a listener, and the server names of its connections.
type namedChain struct {
	table.Part
	// names are hostnames, and wildcards for any number of labels; "*" is any other TLS connection. Of several that match, the
	// most specific one counts. nil: the listener is not for TLS.
	names []string
}

// named returns the filter chain of one server name.
func named(p table.Part, name string) namedChain { return namedChain{p, []string{name}} }

// union returns the chains and those of more, without the names that chains have.
func union(chains, more []namedChain) []namedChain {
	names, parts := map[string]bool{}, map[string]bool{}
	for _, c := range chains {
		parts[c.Name] = true
		for _, n := range c.names {
			names[n] = true
		}
	}
	for _, c := range more {
		var free []string
		for _, n := range c.names {
			if !names[n] {
				free = append(free, n)
			}
		}
		if parts[c.Name] || len(free) == 0 && len(c.names) > 0 {
			continue
		}
		chains = append(chains, namedChain{c.Part, free})
	}
	return chains
}

// partsOf returns the chains as parts of the listener.
func partsOf(chains []namedChain) []table.Part {
	parts := make([]table.Part, 0, len(chains))
	for _, c := range chains {
		parts = append(parts, c.Part)
	}
	return parts
}

// chainMatcher selects the chain of a TLS connection by its server name. A connection without TLS has no chain.
func chainMatcher(e *encoder, chains []namedChain) *xdsmatcherv3.Matcher {
	m := &xdsmatcherv3.Matcher{}
	domains := &xdsmatcherv3.ServerNameMatcher{}
	for _, c := range chains {
		var names []string
		for _, n := range c.names {
			switch {
			case n == "*":
				m.OnNoMatch = anyTLS(e, c.Name)
			case matchable(n):
				names = append(names, n)
			}
		}
		if len(names) > 0 {
			domains.DomainMatchers = append(domains.DomainMatchers, &xdsmatcherv3.ServerNameMatcher_DomainMatcher{Domains: names, OnMatch: useChain(e, c.Name)})
		}
	}
	if len(domains.GetDomainMatchers()) > 0 {
		m.MatcherType = matcherTree(&xdsmatcherv3.Matcher_MatcherTree{
			Input:    extension(e, "server_name", &networkv3.ServerNameInput{}),
			TreeType: &xdsmatcherv3.Matcher_MatcherTree_CustomMatch{CustomMatch: extension(e, "domains", domains)},
		})
	}
	return m
}

// matchable reports whether Envoy accepts the name: with one that it does not, it would reject the whole listener.
func matchable(name string) bool {
	return strings.TrimPrefix(name, "*.") != "" && !strings.Contains(strings.TrimPrefix(name, "*."), "*") && utf8.ValidString(name)
}

// anyTLS selects a chain for any TLS connection.
func anyTLS(e *encoder, chain string) *xdsmatcherv3.Matcher_OnMatch {
	tls := &xdsmatcherv3.Matcher{MatcherType: matcherTree(&xdsmatcherv3.Matcher_MatcherTree{
		Input: extension(e, "transport", &networkv3.TransportProtocolInput{}),
		TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{
			Map: map[string]*xdsmatcherv3.Matcher_OnMatch{"tls": useChain(e, chain)},
		}},
	})}
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: tls}}
}

func matcherTree(t *xdsmatcherv3.Matcher_MatcherTree) *xdsmatcherv3.Matcher_MatcherTree_ {
	return &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: t}
}

// useChain selects the chain with that name.
func useChain(e *encoder, name string) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: "chain", TypedConfig: e.packAny(wrapperspb.String(name))},
	}}
}

func extension(e *encoder, name string, m message) *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{Name: name, TypedConfig: e.pack(m)}
}
