package bench

import (
	"context"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/pki"
)

const (
	tlsHostsOfIngress = 1000
	churnedSecrets    = 50
	bundled           = 900 // certificates of a bundle, about 650 KB
)

// secretAttacks are about certificates and keys.
func secretAttacks() []attack {
	return []attack{
		{
			name: "rsa",
			create: func(ctx context.Context, t *tenant) error {
				for name, bits := range map[string]int{"huge": 786_432, "large": 16_384} {
					pair, err := largeKey(t.bench.ca, t.host(name), bits)
					if err != nil {
						return err
					}
					if err := t.securedBy(ctx, name, opaque, pair, nil); err != nil {
						return err
					}
				}
				return nil
			},
			edit: func(ctx context.Context, t *tenant, i int) error {
				pair, err := largeKey(t.bench.ca, t.host("huge"), 786_432-2*i)
				if err != nil {
					return err
				}
				return t.replaceSecret(ctx, "huge", pair)
			}, rate: 2,
		},
		{
			name: "bundles",
			create: func(ctx context.Context, t *tenant) error {
				pair, bundle, err := bundles(t.bench.ca, t.host("bundle"))
				if err != nil {
					return err
				}
				t.bundle = bundle
				if err := t.createBundle(ctx, bundle); err != nil {
					return err
				}
				pair.Cert = slices.Concat(pair.Cert, bundle)
				return t.secured(ctx, "bundle", pair, object{"clientValidation": object{"caSecret": "ca"}})
			},
			edit: func(ctx context.Context, t *tenant, i int) error {
				pair, err := t.bench.ca.Server(t.host("bundle"))
				if err != nil {
					return err
				}
				if i%2 == 0 {
					pair.Cert = slices.Concat(pair.Cert, t.bundle)
					return t.replaceSecret(ctx, "bundle", pair)
				}
				return t.replaceBundle(ctx, slices.Concat(pair.Cert, t.bundle))
			}, rate: 2,
		},
		{
			name: "secrets",
			create: func(ctx context.Context, t *tenant) error {
				for i := range churnedSecrets {
					name := nth("churned", i)
					pair, err := t.bench.ca.Server(t.host(name))
					if err != nil {
						return err
					}
					if err := t.secured(ctx, name, pair, nil); err != nil {
						return err
					}
				}
				return nil
			},
			edit: func(ctx context.Context, t *tenant, i int) error {
				name := nth("churned", i%churnedSecrets)
				pair, err := t.bench.ca.Server(t.host(name))
				if err != nil {
					return err
				}
				return t.replaceSecret(ctx, name, pair)
			}, rate: 10,
		},
	}
}

// tlsHostAttacks are about hosts with TLS: each is a filter chain of a listener of all.
func tlsHostAttacks() []attack {
	return []attack{
		{
			name: "tls-ingress",
			create: func(ctx context.Context, t *tenant) error {
				if err := t.wildcard(ctx, "many"); err != nil {
					return err
				}
				return t.create(ctx, ingresses, t.manyTLSHosts())
			},
			edit: func(ctx context.Context, t *tenant, i int) error {
				host := t.host(fmt.Sprintf("edit-%d", i))
				return t.replaceAll(ctx, ingresses, "many", map[string]any{"/spec/rules/0/host": host, "/spec/tls/0/hosts/0": host})
			}, rate: 1,
		},
		{
			name:   "tls-host",
			create: func(ctx context.Context, t *tenant) error { return t.wildcard(ctx, "many") },
			edit: func(ctx context.Context, t *tenant, i int) error {
				if i%2 == 1 {
					return t.delete(ctx, httpProxies, "one")
				}
				return t.root(ctx, "one", object{
					"virtualhost": object{"fqdn": t.host("one"), "tls": object{"secretName": "many"}}, "routes": []any{route(object{"prefix": "/"})},
				})
			}, rate: 10,
		},
	}
}

// wildcard makes a Secret for all hosts of the tenant.
func (t *tenant) wildcard(ctx context.Context, name string) error {
	pair, err := t.bench.ca.Server("*" + t.host(""))
	if err != nil {
		return err
	}
	return t.createSecret(ctx, name, pair)
}

// secured makes a Secret and a root with TLS; more is added to its section tls.
func (t *tenant) secured(ctx context.Context, name string, pair pki.Pair, more object) error {
	return t.securedBy(ctx, name, corev1.SecretTypeTLS, pair, more)
}

// opaque is a type of Secrets whose keys the API server does not read: one of type kubernetes.io/tls it does, to warn, and takes 20 s for
// the largest.
const opaque = corev1.SecretTypeOpaque

func (t *tenant) securedBy(ctx context.Context, name string, secretType corev1.SecretType, pair pki.Pair, more object) error {
	if err := t.createSecretOf(ctx, name, secretType, pair); err != nil {
		return err
	}
	section := object{"secretName": name}
	for k, v := range more {
		section[k] = v
	}
	return t.root(ctx, name, object{
		"virtualhost": object{"fqdn": t.host(name), "tls": section}, "routes": []any{route(object{"prefix": "/"})},
	})
}

func (t *tenant) manyTLSHosts() object {
	hosts := each(tlsHostsOfIngress, func(i int) any { return t.host(fmt.Sprintf("h%d", i)) })
	return object{
		"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": object{"name": "many"},
		"spec": t.bench.routing.classified(object{
			"tls": []any{object{"hosts": hosts, "secretName": "many"}},
			"rules": each(tlsHostsOfIngress, func(i int) any {
				return object{"host": hosts[i], "http": object{"paths": []any{ingressPath("/", backendService)}}}
			}),
		}),
	}
}

// createBundle makes a Secret of CA certificates.
func (t *tenant) createBundle(ctx context.Context, bundle []byte) error {
	return t.create(ctx, secrets, object{
		"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "ca"}, "type": "Opaque",
		"data": object{"ca.crt": base64.StdEncoding.EncodeToString(bundle)},
	})
}

func (t *tenant) replaceBundle(ctx context.Context, bundle []byte) error {
	body, err := json.Marshal(object{"data": object{"ca.crt": bundle}})
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	_, err = t.patch(ctx, secrets, "ca", types.MergePatchType, body)
	return err
}

// bundles makes a pair and many different CA certificates.
func bundles(ca *pki.CA, host string) (pki.Pair, []byte, error) {
	pair, err := ca.Server(host)
	if err != nil {
		return pki.Pair{}, nil, err
	}
	var bundle []byte
	for i := range bundled {
		other, err := pki.New(fmt.Sprintf("bundled %d", i))
		if err != nil {
			return pki.Pair{}, nil, err
		}
		bundle = append(bundle, other.Cert...)
	}
	return pair, bundle, nil
}

// rsaKey is PKCS #1.
type rsaKey struct {
	Version                      int
	N, E, D, P, Q, DP, DQ, QInvP *big.Int
}

// largeKey is a certificate of the CA for one host and, as its key, the text of an RSA key of that size, whose factors are no primes: to find
// those would take too long, and to find out that they are none is the work that an attacker wants to be done.
func largeKey(ca *pki.CA, host string, bits int) (pki.Pair, error) {
	pair, err := ca.Server(host)
	if err != nil {
		return pki.Pair{}, err
	}
	odd := func(bits int) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(3), uint(bits-2)) // the two highest bits, so that the product has twice the length
		return n.Add(n, big.NewInt(int64(2*bits+1)))
	}
	p, q := odd(bits/2), odd(bits/2)
	q.Add(q, big.NewInt(2))
	n := new(big.Int).Mul(p, q)
	der, err := asn1.Marshal(rsaKey{0, n, big.NewInt(65537), odd(bits - 1), p, q, odd(bits/2 - 1), odd(bits/2 - 1), odd(bits/2 - 1)})
	if err != nil {
		return pki.Pair{}, fmt.Errorf("key: %w", err)
	}
	pair.Key = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der})
	return pair, nil
}
