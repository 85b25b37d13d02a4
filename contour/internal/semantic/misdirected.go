package semantic

import (
	"errors"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// misdirectedVM is the interpreter of the script.
const misdirectedVM = "misdirected"

// routeDirected routes the request, unless the script responds.
func (x *exchange) routeDirected(a Answer, m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration) (Answer, error) {
	if x.Upgrade != "" && !x.upgraded { // Envoy decides by the route before it runs filters
		if r, err := x.find(rc); err != nil || r != nil && !upgradable(r.GetRoute(), x.Upgrade) {
			return x.reply(a, 403, r)
		}
	}
	if misdirected, err := x.misdirected(m, rc); err != nil {
		return a, err
	} else if misdirected {
		return x.reply(a, 421, x.trace.Route)
	}
	return x.route(a, rc)
}

// misdirected reports whether a script responds with 421, because the requested host is not the server name of the connection. A route
// table disables the script for the requests that have a route in it.
func (x *exchange) misdirected(m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration) (bool, error) {
	for _, f := range m.GetHttpFilters() {
		if script := (&luav3.Lua{}); f.GetTypedConfig().UnmarshalTo(script) != nil || script.GetSharedVmId() != misdirectedVM {
			continue
		}
		r, err := x.find(rc)
		if err != nil {
			return false, err
		}
		if packed := rc.GetTypedPerFilterConfig()[f.GetName()]; r != nil && packed != nil {
			config, err := unpack(packed, &routev3.FilterConfig{})
			if err != nil || !config.GetDisabled() {
				return false, errors.Join(err, errors.New("the model does not support this configuration of the script by a route table"))
			}
			return false, nil
		}
		return hostname(x.authority) != x.SNI, nil
	}
	return false, nil
}
