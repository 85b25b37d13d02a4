package translate

import (
	"fmt"

	"contour.example/contour/internal/ir"
)

// dispatchScript returns the script that selects the route table of a request without a scope: the entry table, and, if
// that has shards, the shard of the requested host (lower case, without port), by the hash of slotOf. It does not contain
// the number of shards: a changed listener drains its connections.
//
// Envoy responds with 403 to an upgrade that its first route does not allow; without a first route, the script does.
// Envoy has removed the upgrade header of requests that are not upgrades.
func dispatchScript(l ir.ListenerKey) string {
	return fmt.Sprintf(`local entry, header = %q, %q
local length, factor, range = %d, %d, 2^32
local floor, min = math.floor, math.min
function envoy_on_request(request)
  local headers = request:headers()
  if (headers:get("upgrade") or "websocket"):lower() ~= "websocket" then
    request:respond({[":status"] = "403"}, "")
    return
  end
  headers:replace(header, entry)
  request:clearRouteCache()
  local route = request:metadata() -- looks up the route
  local shards = route:get(%q)
  if not shards then return end
  local host = (headers:get(":authority") or ""):lower()
  local hash = 0
  for i = 1, min(#host, length) do
    local c = host:byte(i)
    if c == 58 then break end -- what follows the colon is the port
    hash = (hash * factor + c) %% range
  end
  hash = hash * factor %% range
  headers:replace(header, route:get(%q) .. floor(hash * shards / range))
  request:clearRouteCache()
end
`, shard{listener: l}.name(), shardHeader, hashLength, hashFactor, shardCountKey, shardPrefixKey)
}

// ownTableScript returns the script that selects the route table of a heavy host, if the route says that there is one.
func ownTableScript() string {
	return fmt.Sprintf(`function envoy_on_request(request)
  local own = request:metadata():get(%q)
  if own then
    request:headers():replace(%q, own)
    request:clearRouteCache()
  end
end
`, ownTableKey, shardHeader)
}

// upgradeScript returns the script that responds with 403 to an upgrade that the route does not allow. Without a route, Envoy
// responds with 404.
func upgradeScript() string {
	return fmt.Sprintf(`function envoy_on_request(request)
  if request:filterContext():get(%q) and not (request:streamInfo():routeName() or ""):find("^%s") then
    request:respond({[":status"] = "403"}, "")
  end
end
`, routedKey, websocketRoute)
}
