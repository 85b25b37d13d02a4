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
	"google.golang.org/protobuf/proto"
)

// The filters that run scripts: one for requests without a scope of their host, one for those that a route directs to another
// table, one for upgrades.
const (
	dispatchFilter = "dispatch"
	ownTableFilter = "own_table"
	upgradeFilter  = "upgrade"
)

// routeScoped routes by a scope, whose key is a header that Envoy sets before. Unless the route table that is found
// disables the script, the script changes the header, and routing starts again.
func (x *exchange) routeScoped(a Answer, m *hcmv3.HttpConnectionManager) (Answer, error) {
	header, separator, err := scopeHeader(m.GetScopedRoutes())
	if err != nil {
		return a, err
	}
	x.internal = header
	if err := x.mutateEarly(m.GetEarlyHeaderMutationExtensions()); err != nil {
		return a, err
	}
	scoped := func() *routev3.RouteConfiguration { return x.envoy.scoped(cutAt(x.headers[header], separator)) }
	rc := scoped()
	r, err := x.find(rc)
	if err != nil {
		return a, err
	}
	if r != nil {
		x.first = levels{rc.GetTypedPerFilterConfig(), x.matched.GetTypedPerFilterConfig(), r.GetTypedPerFilterConfig()}
	}
	if script, err := dispatchScript(m, rc, r); err != nil {
		return a, err
	} else if script != nil {
		if x.Upgrade != "" && !strings.EqualFold(x.Upgrade, "websocket") {
			a.Status = 403
			return a, nil
		}
		if err := x.dispatch(script, header, scoped); err != nil {
			return a, err
		}
		rc = scoped()
	}
	if again, status, err := x.routeCoalesced(m, rc, header); err != nil {
		return a, err
	} else if status != 0 {
		return x.reply(a, status, x.trace.Route)
	} else if again {
		rc = scoped()
		if r, err := x.find(rc); err != nil {
			return a, err
		} else if r == nil {
			a.Status, err = x.coalescedReply(m)
			return a, err
		}
	}
	if err := x.selectOwnTable(m, rc, header); err != nil {
		return a, err
	}
	return x.routeUpgrade(a, m, scoped())
}

// cutAt returns the text before the first separator; the whole text if there is none.
func cutAt(text, separator string) string {
	if separator != "" {
		text, _, _ = strings.Cut(text, separator)
	}
	return text
}

// scoped returns the route table of the scope with that key, nil if there is none.
func (e *Envoy) scoped(key string) *routev3.RouteConfiguration {
	table, ok := e.tables[key]
	if !ok {
		return nil
	}
	return e.routeTable(table)
}

// scopeHeader returns the header whose value, up to the separator, is the key of the scope.
func scopeHeader(s *hcmv3.ScopedRoutes) (name, separator string, err error) {
	if err := checkFields(s, "name scope_key_builder rds_config_source scoped_rds"); err != nil {
		return "", "", err
	}
	fragments := s.GetScopeKeyBuilder().GetFragments()
	if len(fragments) != 1 {
		return "", "", fmt.Errorf("the key of a scope has %d fragments", len(fragments))
	}
	extractor := fragments[0].GetHeaderValueExtractor()
	if extractor.GetIndex() != 0 {
		return "", "", errors.New("the key of a scope is not the first element")
	}
	return strings.ToLower(extractor.GetName()), extractor.GetElementSeparator(), checkFields(extractor, "name index element_separator")
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
				return errors.New("the model does not support the early mutation of headers")
			}
			value, err := x.earlyValue(o.GetHeader().GetValue())
			if err != nil {
				return err
			}
			x.headers[strings.ToLower(o.GetHeader().GetKey())] = value
		}
	}
	return nil
}

// dispatchScript returns the script that runs for a request with that route, nil if there is none. It is the first filter.
func dispatchScript(m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration, r *routev3.Route) (*luav3.Lua, error) {
	filters := m.GetHttpFilters()
	at := slices.IndexFunc(filters, func(f *hcmv3.HttpFilter) bool { return f.GetName() == dispatchFilter })
	if at < 0 {
		return nil, nil
	}
	if at > 0 || filters[0].GetDisabled() {
		return nil, errors.New("the script is not the first filter, or is disabled")
	}
	if packed := rc.GetTypedPerFilterConfig()[dispatchFilter]; r != nil && packed != nil {
		config, err := unpack(packed, &routev3.FilterConfig{})
		if err != nil || !config.GetDisabled() {
			return nil, errors.Join(err, errors.New("the model does not support this configuration of the script by a route table"))
		}
		return nil, nil
	}
	return unpack(filters[0].GetTypedConfig(), &luav3.Lua{})
}

// dispatch sets the header to the key of the entry table, or to the key of the shard if the route in that table has shards.
func (x *exchange) dispatch(script *luav3.Lua, header string, scoped func() *routev3.RouteConfiguration) error {
	var entry, written string
	var length, factor uint64
	text := script.GetDefaultSourceCode().GetInlineString()
	if _, err := fmt.Sscanf(text, "local entry, header = %q, %q\nlocal length, factor, range = %d, %d, 2^32", &entry, &written, &length, &factor); err != nil {
		return fmt.Errorf("the model does not support the script: %w", err)
	}
	if written != header {
		return fmt.Errorf("the script writes the header %s", written)
	}
	x.headers[header] = entry
	r, err := x.find(scoped())
	if err != nil {
		return err
	}
	fields := r.GetMetadata().GetFilterMetadata()[dispatchFilter].GetFields()
	if fields["shards"] == nil {
		return nil
	}
	var hash uint64
	for i := range min(uint64(len(x.host)), length) {
		hash = (hash*factor + uint64(x.host[i])) % (1 << 32)
	}
	shards := uint64(fields["shards"].GetNumberValue())
	x.headers[header] = fmt.Sprint(fields["prefix"].GetStringValue(), hash*factor%(1<<32)*shards>>32)
	return nil
}

// selectOwnTable sets the header to the key in the metadata of the route, if there is one and the route enables the script.
func (x *exchange) selectOwnTable(m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration, header string) error {
	r, err := x.find(rc)
	key := r.GetMetadata().GetFilterMetadata()[ownTableFilter].GetFields()["table"]
	if err != nil || key == nil {
		return err
	}
	if filters := m.GetHttpFilters(); len(filters) < 2 || filters[1].GetName() != ownTableFilter || r.GetTypedPerFilterConfig()[ownTableFilter] == nil {
		return errors.New("the script for the table of a heavy host is not the second filter, or the route does not enable it")
	}
	x.headers[header] = key.GetStringValue()
	return nil
}

// routeUpgrade routes the request. If the request is for an upgrade with HTTP filters of its own, their script answers
// with 403 unless the name of the route begins with that of the upgrade.
func (x *exchange) routeUpgrade(a Answer, m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration) (Answer, error) {
	own := slices.IndexFunc(m.GetUpgradeConfigs(), func(u *hcmv3.HttpConnectionManager_UpgradeConfig) bool {
		return strings.EqualFold(u.GetUpgradeType(), x.Upgrade)
	})
	if x.Upgrade == "" || own < 0 {
		return x.routeDirected(a, m, rc)
	}
	x.upgraded = true
	if err := upgradeFilters(m, m.GetUpgradeConfigs()[own]); err != nil {
		return a, err
	}
	r, err := x.find(rc)
	if err != nil {
		return a, err
	}
	context := &luav3.LuaPerRoute{}
	if packed := rc.GetTypedPerFilterConfig()[upgradeFilter]; packed != nil {
		if context, err = unpack(packed, context); err != nil {
			return a, err
		}
	}
	if r != nil && context.GetFilterContext().GetFields()["routed"].GetBoolValue() && !strings.HasPrefix(r.GetName(), "websocket") {
		return x.reply(a, 403, r)
	}
	return x.route(a, rc)
}

// upgradeFilters returns an error unless the filters of the upgrade are those of all requests, with the script as the third.
func upgradeFilters(m *hcmv3.HttpConnectionManager, u *hcmv3.HttpConnectionManager_UpgradeConfig) error {
	filters := u.GetFilters()
	same := func(a, b *hcmv3.HttpFilter) bool { return proto.Equal(a, b) }
	if len(filters) < 3 || filters[2].GetName() != upgradeFilter ||
		!slices.EqualFunc(slices.Delete(slices.Clone(filters), 2, 3), m.GetHttpFilters(), same) {
		return fmt.Errorf("upgrades to %s have other filters than requests", u.GetUpgradeType())
	}
	return nil
}

// removeInternal removes the internal header, and returns the other headers that the route table removes.
func (x *exchange) removeInternal(remove []string) []string {
	return slices.DeleteFunc(slices.Clone(remove), func(name string) bool {
		if name != x.internal {
			return false
		}
		delete(x.headers, name)
		return true
	})
}
