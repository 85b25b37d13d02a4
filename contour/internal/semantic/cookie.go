package semantic

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
)

// SetCookieHeader is the header of requests whose value the backends of tests send as Set-Cookie.
const SetCookieHeader = "X-Want-Cookie"

// rewriteCookie adds the Set-Cookie header that the client receives, if the request asks the backend for one. The last level is the
// backend, which Envoy selects with the route.
func (x *exchange) rewriteCookie(c *Changes, all levels) error {
	cookie := x.headers[strings.ToLower(SetCookieHeader)]
	if cookie == "" {
		return nil
	}
	first := x.first
	if first != nil {
		first = append(slices.Clone(first), all[len(all)-1])
	}
	filters, err := enabled(x.filters, first)
	if err != nil {
		return err
	}
	for _, f := range filters {
		extensions, err := carried(f, all.configs(f.GetName()))
		if err != nil {
			return err
		}
		for _, extension := range extensions {
			if extension.GetTypedConfig().MessageName().Name() != "Lua" {
				continue
			}
			lua, err := unpack(extension.GetTypedConfig(), &luav3.Lua{})
			if err == nil {
				err = checkFields(lua, "default_source_code filter_context shared_vm_id")
			}
			if err != nil {
				return err
			}
			cookie = withAttributes(cookie, lua.GetFilterContext().GetFields()["cookies"].GetStructValue())
		}
	}
	if c.Set == nil {
		c.Set = map[string]string{}
	}
	c.Set[setCookie] = cookie
	return nil
}

// carried returns the filters that a filter of the listener runs with the configurations.
func carried(f *hcmv3.HttpFilter, configs []*anypb.Any) ([]*corev3.TypedExtensionConfig, error) {
	if len(configs) == 0 {
		return nil, nil
	}
	switch f.GetTypedConfig().MessageName().Name() {
	case "FilterChainConfig":
		return mergeChains(configs)
	case "Composite":
		one, err := slotFilter(configs[len(configs)-1])
		return []*corev3.TypedExtensionConfig{one}, err
	}
	return nil, nil
}

// withAttributes returns the cookie with the attributes of its rewrite.
func withAttributes(cookie string, rewrites *structpb.Struct) string {
	parts := strings.Split(cookie, ";")
	name, _, _ := strings.Cut(parts[0], "=")
	attributes := rewrites.GetFields()[strings.TrimSpace(name)].GetStructValue().GetFields()
	if attributes == nil {
		return cookie
	}
	out := slices.Clone(parts[:1])
	for _, p := range parts[1:] {
		attribute, _, _ := strings.Cut(p, "=")
		if p = strings.TrimSpace(p); p != "" && attributes[strings.ToLower(strings.TrimSpace(attribute))] == nil {
			out = append(out, p)
		}
	}
	for _, name := range []string{"path", "domain", "samesite", "secure"} {
		if text := attributes[name].GetStringValue(); text != "" {
			out = append(out, text)
		}
	}
	return strings.Join(out, "; ")
}
