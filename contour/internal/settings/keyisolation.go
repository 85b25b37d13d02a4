package settings

import (
	"contour.example/contour/internal/compile/validate"
)

// isolation is the section of the file for what tenants may do to each other. Contour has none of its keys, whose
// defaults keep Contour's behavior.
type isolation struct {
	HostOwnership             *string   `json:"host-ownership"`
	RootNamespacesBindIngress *bool     `json:"root-namespaces-bind-ingress"`
	InclusionConsent          *string   `json:"inclusion-consent"`
	DeniedEndpoints           *[]string `json:"denied-endpoint-ranges"`
}

func isolationKeys() []key {
	return []key{
		{file: "isolation.host-ownership", value: "shared", ours: true},
		{file: "isolation.root-namespaces-bind-ingress", value: "false", ours: true},
		{file: "isolation.inclusion-consent", value: "open", ours: true},
		{file: "isolation.denied-endpoint-ranges", ours: true},
	}
}

// maxDenied bounds the ranges of addresses that are compared with each address of an endpoint.
const maxDenied = 256

func (a *applier) isolation() {
	o, own := &a.cfg.Objects, a.doc.own.Isolation
	setField(&o.RootNamespacesBindIngress, own.RootNamespacesBindIngress)
	if v := own.HostOwnership; v != nil && a.oneOf("isolation.host-ownership", *v, "namespace", "shared") {
		o.NamespacesOwnHosts = *v == "namespace"
	}
	if v := own.InclusionConsent; v != nil && a.oneOf("isolation.inclusion-consent", *v, "required", "open") {
		o.InclusionNeedsConsent = *v == "required"
	}
	if own.DeniedEndpoints != nil {
		a.deniedEndpoints(*own.DeniedEndpoints)
	}
}

func (a *applier) deniedEndpoints(ranges []string) {
	const field = "isolation.denied-endpoint-ranges"
	if len(ranges) > maxDenied {
		a.errorf(field, "There are %d ranges, more than %d.", len(ranges), maxDenied)
		return
	}
	denied := &a.cfg.Endpoints.Denied
	*denied = nil
	for _, text := range ranges {
		r, problem := validate.AddressRange(text)
		if problem != "" {
			a.errorf(field, "%q %s.", text, problem)
			continue
		}
		*denied = append(*denied, r)
	}
}
