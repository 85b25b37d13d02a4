package semantic

import (
	"errors"
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

const (
	// coalescedVM is the interpreter of the script of filter chains with several hosts.
	coalescedVM = "coalesced"
	// scriptFilter is the name of the filter that runs it.
	scriptFilter = "envoy.filters.http.lua"
)

// routeCoalesced changes the key of the scope of a request for another host than the server name, as the script does where there is no
// route, or where the virtual host of the route enables it. It returns the status of the response if the request is not routed again.
func (x *exchange) routeCoalesced(m *hcmv3.HttpConnectionManager, rc *routev3.RouteConfiguration, header string) (again bool, status int, err error) {
	name := ""
	for _, f := range m.GetHttpFilters() {
		if script := (&luav3.Lua{}); f.GetTypedConfig().UnmarshalTo(script) == nil && f.GetName() == scriptFilter && script.GetSharedVmId() == coalescedVM {
			name = f.GetName()
		}
	}
	if name == "" {
		return false, 0, nil
	}
	r, err := x.find(rc)
	if err != nil {
		return false, 0, err
	}
	if r != nil {
		packed := rc.GetTypedPerFilterConfig()[name]
		if packed == nil {
			return false, 0, errors.New("the route table does not disable the script")
		}
		if config, err := unpack(packed, &routev3.FilterConfig{}); err != nil || !config.GetDisabled() {
			return false, 0, errors.Join(err, errors.New("the model does not support this configuration of the script by a route table"))
		}
		if x.matched.GetTypedPerFilterConfig()[name] == nil {
			return false, 0, nil // the script is disabled
		}
		if x.Upgrade != "" {
			return false, 403, nil // Envoy decides by the first route
		}
	}
	asked := hostname(x.authority)
	if asked == strings.ToLower(x.SNI) {
		return false, 0, nil
	}
	_, chain, found := strings.Cut(x.headers[header], ":")
	if !found {
		return false, 0, errors.New("the header has no key of the filter chain")
	}
	x.headers[header], x.rerouted = chain+asked, true
	return true, 0, nil
}

// coalescedReply returns the status of a response without a route: 404, unless a mapper of local replies has another one for requests that
// the script has routed again.
func (x *exchange) coalescedReply(m *hcmv3.HttpConnectionManager) (int, error) {
	for _, mapper := range m.GetLocalReplyConfig().GetMappers() {
		filters := mapper.GetFilter().GetAndFilter().GetFilters()
		if len(filters) != 2 || len(filters[0].GetResponseFlagFilter().GetFlags()) != 1 || filters[0].GetResponseFlagFilter().GetFlags()[0] != "NR" {
			return 0, fmt.Errorf("the model does not support the mapper %v", mapper)
		}
		h := filters[1].GetHeaderFilter().GetHeader()
		if prefix := h.GetStringMatch().GetPrefix(); prefix != "" && strings.HasPrefix(x.headers[h.GetName()], prefix) {
			return int(mapper.GetStatusCode().GetValue()), nil
		}
	}
	return 404, nil
}
