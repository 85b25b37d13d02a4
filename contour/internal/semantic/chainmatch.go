package semantic

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// chain returns the filter chain that the matcher of the listener selects, or the only one of a listener without a matcher; nil if
// there is none, and Envoy closes the connection.
func (x *exchange) chain(l *listenerv3.Listener) (*listenerv3.FilterChain, error) {
	chains := l.GetFilterChains()
	for _, c := range chains {
		if err := checkFields(c, "name filters transport_socket"); err != nil {
			return nil, err
		}
	}
	if l.GetFilterChainMatcher() == nil {
		if len(chains) != 1 {
			return nil, fmt.Errorf("a listener without a matcher has %d filter chains", len(chains))
		}
		return chains[0], nil
	}
	name, err := x.selected(l.GetFilterChainMatcher())
	at := slices.IndexFunc(chains, func(c *listenerv3.FilterChain) bool { return c.GetName() == name })
	if err != nil || name == "" || at < 0 {
		return nil, err
	}
	return chains[at], nil
}

// selected returns the name that a matcher selects, "" if it selects none.
func (x *exchange) selected(m *xdsmatcherv3.Matcher) (string, error) {
	if err := checkFields(m, "matcher_tree matcher_list on_no_match"); err != nil {
		return "", err
	}
	found, err := x.inTree(m.GetMatcherTree())
	if err != nil {
		return "", err
	}
	for _, f := range m.GetMatcherList().GetMatchers() {
		single := f.GetPredicate().GetSinglePredicate()
		suffix := single.GetValueMatch().GetSuffix()
		if !single.GetInput().GetTypedConfig().MessageIs((*networkv3.ServerNameInput)(nil)) || suffix == "" {
			return "", errors.New("the model does not support the predicate of a matcher")
		}
		if found == nil && x.TLS && strings.HasSuffix(x.SNI, suffix) {
			found = f.GetOnMatch()
		}
	}
	if found == nil {
		found = m.GetOnNoMatch()
	}
	switch {
	case found == nil:
		return "", nil
	case found.GetMatcher() != nil:
		return x.selected(found.GetMatcher())
	}
	name, err := unpack(found.GetAction().GetTypedConfig(), &wrapperspb.StringValue{})
	return name.GetValue(), err
}

// inTree returns what the tree has for the connection, nil if it has nothing.
func (x *exchange) inTree(t *xdsmatcherv3.Matcher_MatcherTree) (*xdsmatcherv3.Matcher_OnMatch, error) {
	input := t.GetInput().GetTypedConfig()
	switch {
	case t == nil:
		return nil, nil
	case input.MessageIs((*networkv3.TransportProtocolInput)(nil)) && t.GetExactMatchMap() != nil:
		return t.GetExactMatchMap().GetMap()[map[bool]string{true: "tls", false: "raw_buffer"}[x.TLS]], nil
	case input.MessageIs((*networkv3.ServerNameInput)(nil)) && t.GetExactMatchMap() != nil:
		if !x.TLS {
			return nil, nil
		}
		return t.GetExactMatchMap().GetMap()[x.SNI], nil
	}
	return nil, errors.New("the model does not support the tree of a matcher")
}
