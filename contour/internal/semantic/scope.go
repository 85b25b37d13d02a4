package semantic

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
)

// routeScoped is the routing by a scope, whose key is a header that Envoy sets before. The route table that the scope
// leads to may bring a script that changes the header, and routing starts over.
func (x *exchange) routeScoped(a Answer, m *hcmv3.HttpConnectionManager) (Answer, error) {
	header, err := scopeHeader(m.GetScopedRoutes())
	if err != nil {
		return a, err
	}
	x.inner = header
	if err := x.mutateEarly(m.GetEarlyHeaderMutationExtensions()); err != nil {
		return a, err
	}
	rc := x.envoy.scoped(x.headers[header])
	script := rc.GetTypedPerFilterConfig()
	if len(script) == 0 {
		return x.route(a, rc)
	}
	if err := x.dispatch(header, m, rc); err != nil {
		return a, err
	}
	a, err = x.route(a, x.envoy.scoped(x.headers[header]))
	if x.Upgrade != "" && a.Status == 404 { // refused before it is known that there is no route
		a.Status = 403
	}
	return a, err
}

// scoped is the route table of the scope with that key, nil if there is none.
func (e *Envoy) scoped(key string) *routev3.RouteConfiguration {
	for _, s := range e.scopes {
		if f := s.GetKey().GetFragments(); len(f) == 1 && f[0].GetStringKey() == key {
			return e.routes[s.GetRouteConfigurationName()]
		}
	}
	return nil
}

// scopeHeader is the header whose value, as a whole, is the key of the scope.
func scopeHeader(s *hcmv3.ScopedRoutes) (string, error) {
	if err := only(s, "name scope_key_builder rds_config_source scoped_rds"); err != nil {
		return "", err
	}
	fragments := s.GetScopeKeyBuilder().GetFragments()
	if len(fragments) != 1 {
		return "", fmt.Errorf("a scope's key has %d fragments", len(fragments))
	}
	extractor := fragments[0].GetHeaderValueExtractor()
	return strings.ToLower(extractor.GetName()), only(extractor, "name index")
}

// mutateEarly sets headers before the request is routed.
func (x *exchange) mutateEarly(extensions []*corev3.TypedExtensionConfig) error {
	for _, extension := range extensions {
		mutations, err := unpack(extension.GetTypedConfig(), &earlyv3.HeaderMutation{})
		if err != nil {
			return err
		}
		for _, mutation := range mutations.GetMutations() {
			o := mutation.GetAppend()
			if o.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
				return errors.New("the model does not know the early mutation of headers")
			}
			x.headers[strings.ToLower(o.GetHeader().GetKey())] = o.GetHeader().GetValue()
		}
	}
	return nil
}

// dispatch sets the header to the key of the shard, by the script that the first table brings. That table must let any
// request reach the script.
func (x *exchange) dispatch(header string, m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration) error {
	at := slices.IndexFunc(m.GetHttpFilters(), func(f *hcmv3.HttpFilter) bool { return rc.GetTypedPerFilterConfig()[f.GetName()] != nil })
	if at != 0 || !m.GetHttpFilters()[0].GetDisabled() || len(rc.GetTypedPerFilterConfig()) != 1 {
		return errors.New("the script of a route table has no place among the filters, or not the first one")
	}
	first, err := unpack(rc.GetTypedPerFilterConfig()[m.GetHttpFilters()[0].GetName()], &routev3.FilterConfig{})
	if err != nil {
		return err
	}
	lua, err := unpack(first.GetConfig(), &luav3.LuaPerRoute{})
	if err != nil {
		return err
	}
	var shards, length, factor uint64
	var prefix string
	text, _, _ := strings.Cut(lua.GetSourceCode().GetInlineString(), "\n")
	if _, err := fmt.Sscanf(text, "local shards, prefix, length, factor = %d, %q, %d, %d", &shards, &prefix, &length, &factor); err != nil {
		return fmt.Errorf("the model does not know the script of a route table: %w", err)
	}
	routes := rc.GetVirtualHosts()
	if len(routes) != 1 || !slices.Equal(routes[0].GetDomains(), []string{"*"}) || x.virtualHost(routes) == nil {
		return errors.New("the table with the script does not take all requests")
	}
	var hash uint64
	for i := range min(uint64(len(x.host)), length) {
		hash = (hash*factor + uint64(x.host[i])) % (1 << 32)
	}
	x.headers[header] = fmt.Sprint(prefix, hash*factor%(1<<32)*shards>>32)
	return nil
}

// strip removes the inner header, and is what else the route table has removed.
func (x *exchange) strip(remove []string) []string {
	return slices.DeleteFunc(slices.Clone(remove), func(name string) bool {
		if name != x.inner {
			return false
		}
		delete(x.headers, name)
		return true
	})
}
