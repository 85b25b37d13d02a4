package translate

import (
	"cmp"
	"slices"
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

// chainMatcher selects the chain of a TLS connection by its server name: an exact name, else the longest wildcard, else any name. A
// connection without TLS has no chain. Envoy's matcher for domains would be smaller, but its API is work in progress.
func chainMatcher(e *encoder, chains []namedChain) *xdsmatcherv3.Matcher {
	exact := map[string]*xdsmatcherv3.Matcher_OnMatch{}
	var wildcards []namedChain // with one name each
	var otherwise *xdsmatcherv3.Matcher_OnMatch
	for _, c := range chains {
		for _, n := range c.names {
			switch {
			case n == "*":
				otherwise = anyTLS(e, c.Name)
			case matchable(n) && wildcard(n):
				wildcards = append(wildcards, named(c.Part, n))
			case matchable(n):
				exact[n] = useChain(e, c.Name)
			}
		}
	}
	m := wildcardMatcher(e, wildcards, otherwise)
	if len(exact) == 0 {
		return m
	}
	tree := &xdsmatcherv3.Matcher{MatcherType: matcherTree(&xdsmatcherv3.Matcher_MatcherTree{
		Input: extension(e, "server_name", &networkv3.ServerNameInput{}),
		TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{
			ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: exact},
		},
	})}
	switch {
	case len(wildcards) > 0:
		tree.OnNoMatch = &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: m}}
	case otherwise != nil:
		tree.OnNoMatch = otherwise
	}
	return tree
}

// wildcardMatcher selects the chain of the longest wildcard.
func wildcardMatcher(e *encoder, wildcards []namedChain, otherwise *xdsmatcherv3.Matcher_OnMatch) *xdsmatcherv3.Matcher {
	m := &xdsmatcherv3.Matcher{OnNoMatch: otherwise}
	if len(wildcards) == 0 {
		return m
	}
	slices.SortFunc(wildcards, func(a, b namedChain) int {
		return cmp.Or(cmp.Compare(len(b.names[0]), len(a.names[0])), strings.Compare(a.names[0], b.names[0]))
	})
	list := &xdsmatcherv3.Matcher_MatcherList{}
	for _, c := range wildcards {
		suffix := &xdsmatcherv3.StringMatcher{MatchPattern: &xdsmatcherv3.StringMatcher_Suffix{Suffix: c.names[0][1:]}}
		list.Matchers = append(list.Matchers, &xdsmatcherv3.Matcher_MatcherList_FieldMatcher{
			Predicate: &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{
				SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
					Input:   extension(e, "server_name", &networkv3.ServerNameInput{}),
					Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: suffix},
				},
			}},
			OnMatch: useChain(e, c.Name),
		})
	}
	m.MatcherType = &xdsmatcherv3.Matcher_MatcherList_{MatcherList: list}
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
