package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// A renewal replaces the CA, too, since its key is not kept. It takes three steps, after each of which every process is given Overlap to
// read its files again. A process that has done so works with one that has not:
//
//	state        trusted       in use
//	before       A             A
//	trusted      A and B       A
//	switched     A and B       B
//	after        B             B
//
// What a step needs of the next ones is in the Secrets, so that another process can continue, also after a step that changed only some of
// them.

// Overlap is the time between two steps. A kubelet reads a Secret again within two minutes, and Envoy and the controller their files at
// once.
const Overlap = 15 * time.Minute

// remaining is the part of the lifetime that is left when a renewal begins: one of remaining.
const remaining = 3

// Keys of a Secret while its certificate is renewed.
const (
	nextCertKey = "next.crt"   // the certificate to switch to
	nextKeyKey  = "next.key"   // its key
	formerKey   = "former.crt" // the certificates in ca.crt that are not trusted after the renewal
	sinceKey    = "since"      // the time of the last step, RFC 3339
)

// Action is what a step of a renewal does.
type Action string

const (
	// Nothing is due.
	Nothing Action = ""
	// Trust adds a new CA to those that are trusted.
	Trust Action = "trust the new CA"
	// Switch uses the certificates that the new CA has issued.
	Switch Action = "switch to the new certificates"
	// Retire ends the trust in the former CA.
	Retire Action = "retire the former CA"
	// Substitute replaces certificates in one step, since some of them are not accepted.
	Substitute Action = "replace certificates that are not accepted"
)

// Step is a step of a renewal.
type Step struct {
	Action Action
	// Secrets are the changed Secrets, in the order in which to write them. They keep the resourceVersion of those that they
	// were made of.
	Secrets []*corev1.Secret
	// Next is when the step after this one is due. If this one is not written, it remains due.
	Next time.Time
}

// ErrForeign is about Secrets that certgen has not made: who made them renews them.
var ErrForeign = errors.New("not made by contour certgen")

// ErrClock is about certificates that are not valid yet. The clock that made them or the one that says so is wrong, and if it is the latter,
// new certificates would have expired for all others.
var ErrClock = errors.New("not valid yet: correct the clocks, and if certificates are from the future run contour certgen --overwrite")

// Renew returns the next step for the Secrets of one set in the compact format, at that time. It does not modify them.
//
// Errors: ErrForeign; ErrClock; a Secret that does not contain a certificate, its key and its CA.
func Renew(now time.Time, secrets []*corev1.Secret) (Step, error) {
	s := set{now: now}
	for _, secret := range secrets {
		m, err := parseMember(secret)
		if err != nil {
			return Step{}, fmt.Errorf("secret %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		if start := m.leaf.NotBefore; now.Before(start) {
			return Step{}, fmt.Errorf("secret %s/%s: certificate of %s: %w", secret.Namespace, secret.Name, start.Format(time.RFC3339), ErrClock)
		}
		s.members = append(s.members, m)
	}
	if len(s.members) == 0 {
		return Step{}, errors.New("no Secrets")
	}
	return s.next()
}

// NotAfter returns the time until which all the certificates in use are valid.
func NotAfter(secrets []*corev1.Secret) (time.Time, error) {
	var first time.Time
	for _, secret := range secrets {
		m, err := parseMember(secret)
		if err != nil {
			return first, fmt.Errorf("secret %s/%s: %w", secret.Namespace, secret.Name, err)
		}
		if end := m.end(); first.IsZero() || end.Before(first) {
			first = end
		}
	}
	return first, nil
}

// member is a Secret of the set.
type member struct {
	secret *corev1.Secret
	cas    []*x509.Certificate
	leaf   *x509.Certificate
	issuer *x509.Certificate   // of leaf, in cas; nil if none of them is
	next   *x509.Certificate   // nil if there is none
	newCA  *x509.Certificate   // the issuer of next, in cas
	former []*x509.Certificate // of cas
	since  time.Time
}

func parseMember(secret *corev1.Secret) (m member, err error) {
	if secret.Annotations[VersionAnnotation] == "" {
		return m, ErrForeign
	}
	m.secret = secret
	if m.cas, err = parseCerts(secret.Data[caKey]); err != nil || len(m.cas) == 0 {
		return m, fmt.Errorf("%s: no certificates: %w", caKey, err)
	}
	if m.leaf, err = parsePair(secret.Data, corev1.TLSCertKey, corev1.TLSPrivateKeyKey); err != nil {
		return m, err
	}
	m.issuer = issuerOf(m.leaf, m.cas)
	if m.former, err = parseCerts(secret.Data[formerKey]); err != nil {
		return m, fmt.Errorf("%s: %w", formerKey, err)
	}
	if since, ok := secret.Data[sinceKey]; ok {
		if m.since, err = time.Parse(time.RFC3339, string(since)); err != nil {
			return m, fmt.Errorf("%s: %w", sinceKey, err)
		}
	}
	if _, ok := secret.Data[nextCertKey]; !ok {
		return m, nil
	}
	if m.next, err = parsePair(secret.Data, nextCertKey, nextKeyKey); err != nil {
		return m, err
	}
	m.newCA = issuerOf(m.next, m.cas)
	return m, nil
}

func parsePair(data map[string][]byte, cert, key string) (*x509.Certificate, error) {
	pair, err := tls.X509KeyPair(data[cert], data[key])
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cert, key, err)
	}
	return pair.Leaf, nil
}

func parseCerts(text []byte) (all []*x509.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func issuerOf(c *x509.Certificate, cas []*x509.Certificate) *x509.Certificate {
	for _, ca := range cas {
		if c.CheckSignatureFrom(ca) == nil {
			return ca
		}
	}
	return nil
}

// end is when the certificate is not accepted any more.
func (m member) end() time.Time {
	if m.issuer != nil && m.issuer.NotAfter.Before(m.leaf.NotAfter) {
		return m.issuer.NotAfter
	}
	return m.leaf.NotAfter
}

// due is when the renewal of the certificate begins.
func (m member) due() time.Time {
	return m.end().Add(-m.leaf.NotAfter.Sub(m.leaf.NotBefore) / remaining)
}

// set is the Secrets that are renewed together.
type set struct {
	now     time.Time
	members []member
}

func (s set) next() (Step, error) {
	switch {
	case s.any(func(m member) bool { return m.issuer == nil || !s.now.Before(m.end()) }), s.any(s.refusesAny):
		return s.begin(Substitute)
	case s.any(func(m member) bool { return m.next != nil && s.now.Before(m.next.NotBefore) }):
		return s.begin(Trust) // the clock of the last step was wrong
	case s.prepared():
		return s.after(Switch, func(m member) bool { return m.next != nil }, (*changed).adopt)
	case s.any(func(m member) bool { return m.next != nil }):
		return s.begin(Trust) // a former step changed some Secrets only, and the others have no certificate of that CA
	case s.any(func(m member) bool { return len(m.former) > 0 }):
		return s.after(Retire, func(m member) bool { return len(m.former) > 0 }, (*changed).retire)
	}
	due := s.members[0].due()
	for _, m := range s.members {
		if at := m.due(); at.Before(due) {
			due = at
		}
	}
	if s.now.Before(due) {
		return Step{Next: due}, nil
	}
	return s.begin(Trust)
}

func (s set) any(f func(member) bool) bool { return slices.ContainsFunc(s.members, f) }

// refusesAny reports whether one of the others has a certificate of a CA that the member does not trust.
func (s set) refusesAny(m member) bool {
	return s.any(func(other member) bool { return other.issuer == nil || !slices.ContainsFunc(m.cas, other.issuer.Equal) })
}

// prepared reports whether every Secret has a certificate of one new CA, or uses it already.
func (s set) prepared() bool {
	i := slices.IndexFunc(s.members, func(m member) bool { return m.next != nil })
	if i < 0 || s.members[i].newCA == nil {
		return false
	}
	of := s.members[i].newCA
	return !s.any(func(m member) bool {
		return !of.Equal(m.newCA) && (m.next != nil || !of.Equal(m.issuer))
	})
}

// after returns the step for the members that need it, if Overlap has passed since the last step of all members.
func (s set) after(action Action, needs func(member) bool, change func(*changed, member)) (Step, error) {
	var last time.Time
	for _, m := range s.members {
		if m.since.After(last) {
			last = m.since
		}
	}
	// A time in the future is that of a clock that was wrong.
	if at := last.Add(Overlap); s.now.Before(at) && !last.After(s.now.Add(skew)) {
		return Step{Next: at}, nil
	}
	step := Step{Action: action, Next: s.now.Add(Overlap)}
	for _, m := range s.members {
		if !needs(m) {
			continue
		}
		n := (*changed)(m.secret.DeepCopy())
		n.Data[sinceKey] = []byte(s.now.UTC().Format(time.RFC3339))
		change(n, m)
		step.Secrets = append(step.Secrets, (*corev1.Secret)(n))
	}
	return step, nil
}

// begin returns a step with a new CA: in addition to those that are trusted, with certificates to switch to later, or at once.
func (s set) begin(action Action) (Step, error) {
	ca, err := renewedCA(s.now, s.members[0].leaf)
	if err != nil {
		return Step{}, err
	}
	var former []*x509.Certificate // whatever issued a certificate in use
	for _, m := range s.members {
		if m.issuer != nil && !slices.ContainsFunc(former, m.issuer.Equal) {
			former = append(former, m.issuer)
		}
	}
	step := Step{Action: action, Next: s.now.Add(Overlap)}
	for _, m := range s.members {
		pair, err := ca.issue(renewed(s.now, m.leaf))
		if err != nil {
			return Step{}, err
		}
		n := (*changed)(m.secret.DeepCopy())
		trusted := append(former[:len(former):len(former)], without(m.cas, append(slices.Clone(former), m.newCA))...)
		n.Data[caKey] = certsPEM(append(trusted, ca.cert))
		n.Data[formerKey] = certsPEM(former)
		n.Data[nextCertKey], n.Data[nextKeyKey] = pair.Cert, pair.Key
		n.Data[sinceKey] = []byte(s.now.UTC().Format(time.RFC3339))
		if action == Substitute {
			n.adopt(m)
		}
		step.Secrets = append(step.Secrets, (*corev1.Secret)(n))
	}
	return step, nil
}

// changed is a Secret that a step changes.
type changed corev1.Secret

// adopt uses the next certificate.
func (n *changed) adopt(member) {
	n.Data[corev1.TLSCertKey], n.Data[corev1.TLSPrivateKeyKey] = n.Data[nextCertKey], n.Data[nextKeyKey]
	delete(n.Data, nextCertKey)
	delete(n.Data, nextKeyKey)
}

// retire ends the trust in the former CA, and with it the renewal.
func (n *changed) retire(m member) {
	n.Data[caKey] = certsPEM(without(m.cas, m.former))
	maps.DeleteFunc(n.Data, func(key string, _ []byte) bool { return key == formerKey || key == sinceKey })
}

// without returns the certificates but for some.
func without(all, some []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(all), func(c *x509.Certificate) bool { return slices.ContainsFunc(some, c.Equal) })
}

func certsPEM(all []*x509.Certificate) []byte {
	var text bytes.Buffer
	for _, c := range all {
		text.Write(certPEM(c.Raw))
	}
	return text.Bytes()
}

// renewedCA makes a CA that is valid for as long as the certificate was when it was issued.
func renewedCA(now time.Time, of *x509.Certificate) (*certificateAuthority, error) {
	notBefore, notAfter := validity(now, of)
	return newCA(notBefore, notAfter)
}

// renewed returns the template of a certificate for the same names and usages, which is valid for as long.
func renewed(now time.Time, of *x509.Certificate) *x509.Certificate {
	t := &x509.Certificate{
		Subject: of.Subject, DNSNames: of.DNSNames, URIs: of.URIs, BasicConstraintsValid: true, KeyUsage: of.KeyUsage, ExtKeyUsage: of.ExtKeyUsage,
	}
	t.NotBefore, t.NotAfter = validity(now, of)
	return t
}

// validity returns the same lifetime, from now.
func validity(now time.Time, of *x509.Certificate) (notBefore, notAfter time.Time) {
	notBefore = now.Add(-skew).UTC()
	return notBefore, notBefore.Add(of.NotAfter.Sub(of.NotBefore))
}
