package semantic

import (
	"slices"
	"strconv"
	"strings"

	compressorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/compressor/v3"
)

// minCompressed is the size of the smallest body that Envoy compresses, if none is configured.
const minCompressed = 30

// compress sets the encoding of a local reply whose body Envoy compresses. The model does not know the bodies of backends.
func (x *exchange) compress(a *Answer) error {
	if len(a.From) > 0 || len(a.Body) < minCompressed || x.Method == "HEAD" || isGRPC(x.Headers) || x.bridged {
		return nil
	}
	for _, f := range x.filters {
		c := &compressorv3.Compressor{}
		if f.GetTypedConfig().UnmarshalTo(c) != nil {
			continue
		}
		if err := checkFields(c, "compressor_library response_direction_config"); err != nil {
			return err
		}
		common := c.GetResponseDirectionConfig().GetCommonConfig()
		if err := checkFields(common, "content_type"); err != nil {
			return err
		}
		kind, ok := a.Changes.Set["content-type"]
		if !ok {
			kind = "text/plain"
		}
		kind, _, _ = strings.Cut(kind, ";")
		encoding := map[string]string{"gzip": "gzip", "brotli": "br", "zstd": "zstd"}[c.GetCompressorLibrary().GetName()]
		kinds := common.GetContentType() //nolint:staticcheck // what the configuration contains
		if slices.Contains(kinds, strings.TrimSpace(kind)) && accepts(x.headers["accept-encoding"], encoding) {
			a.Changes = (Changes{Set: map[string]string{"content-encoding": encoding}}).after(a.Changes)
		}
	}
	return nil
}

// accepts reports whether a client with that header Accept-Encoding prefers the encoding: of equal weights the first one counts.
func accepts(header, encoding string) bool {
	best, choice := 0.0, ""
	refused := false
	for entry := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(entry, ";")
		weight := 1.0
		if q, found := strings.CutPrefix(strings.TrimSpace(parameters), "q="); found {
			weight, _ = strconv.ParseFloat(q, 64)
		}
		name = strings.TrimSpace(name)
		refused = refused || name == encoding && weight == 0
		if weight > best && (name == encoding || name == "identity" || name == "*") {
			best, choice = weight, name
		}
	}
	return !refused && (choice == encoding || choice == "*")
}
