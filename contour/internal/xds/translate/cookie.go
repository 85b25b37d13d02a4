package translate

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"contour.example/contour/internal/ir"
)

func hasCookies(p ir.Policies) bool { return p.Cookies != nil }

// cookieFilter returns the filter that rewrites attributes of cookies in responses. The script is constant: what an object
// says is data that the script reads. All filters share one interpreter for each worker.
func cookieFilter(e *encoder, p ir.Policies) message {
	if !hasCookies(p) {
		return nil
	}
	rewrites := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, c := range p.Cookies.Cookies {
		rewrites.Fields[c.Name] = structpb.NewStructValue(newAttributes(c))
	}
	return &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: cookieScript}},
		FilterContext:     &structpb.Struct{Fields: map[string]*structpb.Value{"cookies": structpb.NewStructValue(rewrites)}},
		SharedVmId:        "cookies",
	}
}

// newAttributes returns the new text of each attribute that the rewrite changes, by its name in lower case; "" removes it.
func newAttributes(c ir.CookieRewrite) *structpb.Struct {
	out := &structpb.Struct{Fields: map[string]*structpb.Value{}}
	for _, a := range []struct{ name, prefix, value string }{
		{"path", "Path=", c.Path}, {"domain", "Domain=", c.Domain}, {"samesite", "SameSite=", c.SameSite},
	} {
		if a.value != "" {
			out.Fields[a.name] = structpb.NewStringValue(a.prefix + a.value)
		}
	}
	switch c.Secure {
	case ir.SwitchOn:
		out.Fields["secure"] = structpb.NewStringValue("Secure")
	case ir.SwitchOff:
		out.Fields["secure"] = structpb.NewStringValue("")
	case ir.SwitchUnchanged:
	}
	return out
}

// cookieScript takes time proportional to the size of the cookies, whatever a backend sends: a pattern with two repetitions
// that match the same characters would hold up a worker of Envoy for seconds.
const cookieScript = `local names = {"path", "domain", "samesite", "secure"}

local function trimmed(text)
  local first = text:find("%S")
  return first and text:match(".*%S", first) or ""
end

local function rewritten(cookie, attributes)
  local pair, rest = cookie:match("^([^;]*)(.*)$")
  local parts = {pair}
  for part in rest:gmatch("[^;]+") do
    local text = trimmed(part)
    if attributes[text:match("^[^=%s]*"):lower()] == nil then
      parts[#parts + 1] = text
    end
  end
  for _, name in ipairs(names) do
    if attributes[name] ~= nil and attributes[name] ~= "" then
      parts[#parts + 1] = attributes[name]
    end
  end
  return table.concat(parts, "; ")
end

function envoy_on_response(response)
  local headers = response:headers()
  local count = headers:getNumValues("set-cookie")
  if count == 0 then
    return
  end
  local rewrites = response:filterContext():get("cookies")
  local cookies = {}
  for i = 0, count - 1 do
    local cookie = headers:getAtIndex("set-cookie", i)
    local attributes = rewrites[trimmed(cookie:match("^([^=;]*)[=;]") or "")]
    if attributes ~= nil then
      cookie = rewritten(cookie, attributes)
    end
    cookies[#cookies + 1] = cookie
  end
  headers:remove("set-cookie")
  for _, cookie in ipairs(cookies) do
    headers:add("set-cookie", cookie)
  end
end
`
