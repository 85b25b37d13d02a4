package translate

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// spec is an ir.Cluster as a comparable value, so that a table can be keyed by it: the hosts that use one cluster
// need not be read to know what it is.
type spec struct {
	name     string // of the cluster: two specs of one name differ in limits at most
	backend  ir.EndpointKey
	port     int32
	protocol ir.Protocol
	sni      string
	idle     ir.Timeout
	connect  time.Duration
	verified bool
	ca       kobj.Name
	names    string // quoted, one after the other
	limits   ir.CircuitBreakers
}

// specOf is c as a comparable value.
func specOf(c ir.Cluster) spec {
	s := spec{
		name: clusterName(c), backend: c.Endpoints, port: c.Port, protocol: c.Protocol, sni: c.SNI,
		idle: c.Idle, connect: c.Connect, limits: c.Limits,
	}
	if c.TLS != nil {
		s.verified, s.ca, s.names = true, c.TLS.CA, quote(c.TLS.Names)
	}
	return s
}

// cluster is the value that s was made of.
func (s spec) cluster() ir.Cluster {
	c := ir.Cluster{
		Endpoints: s.backend, Port: s.port, Protocol: s.protocol, SNI: s.sni,
		Idle: s.idle, Connect: s.connect, Limits: s.limits,
	}
	if s.verified {
		c.TLS = &ir.UpstreamTLS{CA: s.ca, Names: unquote(s.names)}
	}
	return c
}

// compare orders specs by name, then limits.
func (s spec) compare(o spec) int {
	return cmp.Or(
		strings.Compare(s.name, o.name),
		cmp.Compare(s.limits.MaxConnections, o.limits.MaxConnections),
		cmp.Compare(s.limits.MaxPendingRequests, o.limits.MaxPendingRequests),
		cmp.Compare(s.limits.MaxRequests, o.limits.MaxRequests),
		cmp.Compare(s.limits.MaxRetries, o.limits.MaxRetries),
		cmp.Compare(s.limits.PerHostMaxConnections, o.limits.PerHostMaxConnections),
	)
}

// specsOf is each cluster that a virtual host uses, once; nil uses none.
func specsOf(v *ir.VirtualHost) []spec {
	if v == nil {
		return nil
	}
	var specs []spec
	for b := range backends(v) {
		specs = append(specs, specOf(b.Cluster))
	}
	slices.SortFunc(specs, spec.compare)
	return slices.Compact(specs)
}

// quote joins texts so that unquote finds them again, whatever is in them.
func quote(texts []string) string {
	var b []byte
	for _, t := range texts {
		b = strconv.AppendQuote(b, t)
	}
	return string(b)
}

func unquote(quoted string) []string {
	var texts []string
	for quoted != "" {
		q, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			return texts
		}
		t, _ := strconv.Unquote(q)
		texts, quoted = append(texts, t), quoted[len(q):]
	}
	return texts
}
