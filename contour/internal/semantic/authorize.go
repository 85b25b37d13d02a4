package semantic

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	setmetadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// The authorization services of the model allow a request if they see the header TokenHeader with the value yes, and answer
// with 401 otherwise. They give the header UserHeader to the backend: "http", or "context" and the context of a gRPC call.
const (
	TokenHeader = "x-token"
	UserHeader  = "x-user"
)

// User returns the value of UserHeader for a call with that context.
func User(context map[string]string) string {
	var entries []string
	for _, k := range slices.Sorted(maps.Keys(context)) {
		entries = append(entries, k+"="+context[k])
	}
	return "context " + strings.Join(entries, ",")
}

// setMetadata records the metadata of a request.
func (x *exchange) setMetadata(packed *anypb.Any) error {
	m, err := unpack(packed, &setmetadatav3.Config{})
	if err != nil {
		return err
	}
	for _, one := range m.GetMetadata() {
		if err := checkFields(one, "metadata_namespace allow_overwrite value"); err != nil {
			return err
		}
		for key, value := range one.GetValue().GetFields() {
			x.metadata[one.GetMetadataNamespace()+"/"+key] = value.GetStringValue()
		}
	}
	return nil
}

// authorize asks the service of an ext_authz filter; configs is what the virtual host and the route have for it.
func (x *exchange) authorize(p *filterResult, packed *anypb.Any, configs []*anypb.Any) error {
	m, err := unpack(packed, &extauthzv3.ExtAuthz{})
	if err != nil {
		return err
	}
	if err := checkFields(m, `grpc_service http_service failure_mode_allow transport_api_version with_request_body status_on_error
		validate_mutations filter_enabled_metadata include_peer_certificate allowed_headers decoder_header_mutation_rules`); err != nil {
		return err
	}
	q, err := questionOf(m, configs)
	if err != nil || q.disabled || !x.enabled(m.GetFilterEnabledMetadata()) {
		return err
	}
	_, ready, err := x.envoy.upstream(q.cluster, false)
	switch seesToken := m.GetGrpcService() != nil || matchesAny(m.GetAllowedHeaders(), TokenHeader); {
	case err != nil:
		return err
	case !ready && m.GetFailureModeAllow():
	case !ready:
		p.answered, p.answer = true, Answer{Status: int(m.GetStatusOnError().GetCode())}
	case x.Allowed:
		x.trace.Asked = append(x.trace.Asked, "authorization")
	case !seesToken || x.headers[TokenHeader] != "yes":
		p.answered, p.answer = true, Answer{Status: 401}
	case q.user != "":
		p.setRequest(UserHeader, q.user)
		return x.exceedsOnceAuthorized()
	}
	return nil
}

// question is what a filter does with a request.
type question struct {
	disabled bool
	cluster  string
	user     string // the header that the service gives to the backend; "" if that does not receive it
}

// questionOf merges the configurations of a filter: contexts are merged, of the rest the last one counts.
func questionOf(m *extauthzv3.ExtAuthz, configs []*anypb.Any) (question, error) {
	q := question{cluster: m.GetGrpcService().GetEnvoyGrpc().GetClusterName()}
	context := map[string]string{}
	for i, c := range configs {
		own, err := unpack(c, &extauthzv3.ExtAuthzPerRoute{})
		if err != nil {
			return q, err
		}
		q.disabled = own.GetDisabled()
		settings := own.GetCheckSettings()
		if settings != nil {
			if err := checkFields(settings, "context_extensions with_request_body grpc_service"); err != nil {
				return q, err
			}
		}
		maps.Copy(context, settings.GetContextExtensions())
		if to := settings.GetGrpcService().GetEnvoyGrpc().GetClusterName(); to != "" || i == len(configs)-1 {
			q.cluster = cmp.Or(to, m.GetGrpcService().GetEnvoyGrpc().GetClusterName())
		}
	}
	q.user = User(context)
	if h := m.GetHttpService(); h != nil {
		if len(context) > 0 {
			return q, errors.New("a service that speaks HTTP receives no context")
		}
		q.cluster, q.user = h.GetServerUri().GetCluster(), "http"
		if !matchesAny(h.GetAuthorizationResponse().GetAllowedUpstreamHeaders(), UserHeader) {
			q.user = ""
		}
	}
	return q, nil
}

// enabled reports whether the metadata of the request match, or nothing is demanded of them.
func (x *exchange) enabled(m *matcherv3.MetadataMatcher) bool {
	if m == nil {
		return true
	}
	return len(m.GetPath()) == 1 && x.metadata[m.GetFilter()+"/"+m.GetPath()[0].GetKey()] == m.GetValue().GetStringMatch().GetExact()
}

func matchesAny(list *matcherv3.ListStringMatcher, name string) bool {
	return slices.ContainsFunc(list.GetPatterns(), func(p *matcherv3.StringMatcher) bool {
		switch {
		case p.GetExact() != "":
			return name == p.GetExact()
		case p.GetPrefix() != "":
			return strings.HasPrefix(name, p.GetPrefix())
		case p.GetSuffix() != "":
			return strings.HasSuffix(name, p.GetSuffix())
		}
		return p.GetContains() != "" && strings.Contains(name, p.GetContains())
	})
}
