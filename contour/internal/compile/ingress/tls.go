package ingress

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"

	"contour.example/contour/internal/compile/ref"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// readTLS sets the certificates of hosts. If several entries contain a host, the last one that can be served applies.
// An entry without hosts applies to the hosts of the rules that are in no other entry.
func (b *builder) readTLS() {
	if len(b.ingress.Spec.TLS) == 0 {
		return
	}
	lowest, highest, compatible := b.versions()
	named := b.namedHosts()
	others, ofOthers := []string(nil), (*ir.TLS)(nil)
	for i := range b.ingress.Spec.TLS {
		entry, field := &b.ingress.Spec.TLS[i], fmt.Sprintf("spec.tls[%d]", i)
		if len(entry.Hosts) == 0 {
			if ofOthers == nil {
				others = b.otherHosts(named)
			}
			b.checkOthers(field, others)
		}
		tls := b.entryTLS(field, entry)
		if tls == nil || !compatible {
			tls = &ir.TLS{CloseConnections: true}
		} else {
			tls.Min, tls.Max = lowest, highest
		}
		if len(entry.Hosts) == 0 {
			ofOthers = preferred(ofOthers, tls)
		}
		b.setTLS(named[i], tls)
	}
	b.setTLS(others, ofOthers)
}

// setTLS gives hosts the settings of an entry.
func (b *builder) setTLS(hosts []string, tls *ir.TLS) {
	for _, name := range hosts {
		h := b.host(name)
		h.tls = preferred(h.tls, tls)
	}
}

// preferred is the settings of the later one of two entries for a host, unless only the former can be served.
func preferred(former, later *ir.TLS) *ir.TLS {
	if former == nil || !later.CloseConnections {
		return later
	}
	return former
}

// namedHosts returns the valid hosts of each entry of spec.tls.
func (b *builder) namedHosts() [][]string {
	named := make([][]string, len(b.ingress.Spec.TLS))
	for i := range b.ingress.Spec.TLS {
		for j, host := range b.ingress.Spec.TLS[i].Hosts {
			field := fmt.Sprintf("spec.tls[%d].hosts[%d]", i, j)
			if name, ok := b.tlsHost(field, host); ok {
				named[i] = append(named[i], name)
			}
		}
	}
	return named
}

func (b *builder) tlsHost(field, host string) (string, bool) {
	name, ok := b.hostname(field, host)
	switch {
	case !ok:
		return "", false
	case name == anyHost:
		b.fail(report.HostNotValid, field, "Host %s cannot be served over TLS; a hostname is required.", quote(host))
		return "", false
	case b.byName[name] == nil || !b.byName[name].hasRule:
		b.warn(report.IgnoredField, field, "Host %s has no rule in this Ingress; the certificate applies to the rules of other Ingresses.", quote(host))
	}
	return name, true
}

// otherHosts returns the hosts of rules that are in no entry.
func (b *builder) otherHosts(named [][]string) []string {
	taken := map[string]bool{anyHost: true}
	for _, names := range named {
		for _, n := range names {
			taken[n] = true
		}
	}
	var out []string
	for _, h := range b.hosts {
		if h.hasRule && !taken[h.name] {
			out = append(out, h.name)
		}
	}
	return out
}

// checkOthers warns about an entry without hosts that has no effect.
func (b *builder) checkOthers(field string, others []string) {
	if len(others) == 0 {
		b.warn(report.IgnoredField, field, "The entry has no effect: it has no hosts, and every host of the rules is in another entry.")
	}
}

// entryTLS returns the TLS settings of an entry; nil if its certificate cannot be served. The Secret is in the namespace
// of the Ingress unless the name or the annotation specifies another namespace, which must delegate it.
func (b *builder) entryTLS(field string, entry *networkingv1.IngressTLS) *ir.TLS {
	field += ".secretName"
	if entry.SecretName == "" {
		b.fail(report.SecretNotValid, field, "The secretName is empty; the hosts are not served over TLS.")
		return nil
	}
	namespace := b.key.Namespace
	if b.settings.secretNamespace != "" {
		namespace = b.settings.secretNamespace
	}
	secret := ref.SecretName(namespace, entry.SecretName)
	expired, f := b.env.Ref.ServingSecret(b.reader, b.key.Namespace, secret)
	if f != nil {
		b.fail(secretReason(f), field, "%s", f.Message)
		return nil
	}
	if expired {
		b.warn(report.SecretExpired, field, "The certificate in Secret %s has expired.", quote(secret.String()))
	}
	return &ir.TLS{Certificate: secret}
}

// versions returns the range of TLS versions: the part of the configured range that the annotations allow,
// with the default for a bound that they do not change. It reports whether the range is not empty.
func (b *builder) versions() (lowest, highest ir.TLSVersion, ok bool) {
	allowed := b.env.Store.Settings.TLS.Get(b.reader)
	lowest = max(b.settings.minTLS, allowed.Min)
	highest = allowed.Max
	if b.settings.maxTLS != ir.TLSDefault && (highest == ir.TLSDefault || b.settings.maxTLS < highest) {
		highest = b.settings.maxTLS
	}
	if highest != ir.TLSDefault && lowest > highest {
		b.fail(report.TLSConfigNotValid, annotations, "The annotations and the configuration have no TLS version in common; the hosts are not served over TLS.")
		return 0, 0, false
	}
	if lowest == allowed.Min {
		lowest = ir.TLSDefault
	}
	if highest == allowed.Max {
		highest = ir.TLSDefault
	}
	return lowest, highest, true
}
