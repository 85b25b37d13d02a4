package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/bench/target"
	"contour.example/harness/pki"
)

const (
	// sharedSecret has the wildcard certificate.
	sharedSecret = "tls"
	// fewer is the divisor of the number of samples where one change is expensive.
	fewer = 4
)

// rotation replaces the certificate in the Secret of one TLS host.
func (b *bench) rotation(ctx context.Context) error {
	const name = "rotation"
	if b.target.HTTPS == "" {
		return nil
	}
	spec, pair, err := b.secure(ctx, name)
	if err != nil {
		return err
	}
	if err := b.workload.createRoute(ctx, spec); err != nil {
		return err
	}
	if _, err := b.prober.presents(ctx, b.Timeout, spec.host, der(pair)); err != nil {
		return err
	}
	err = b.series(ctx, "new certificate seen by a handshake", b.Samples, func(int) (time.Duration, error) {
		pair, err := b.ca.Server(spec.host)
		if err != nil {
			return 0, err
		}
		if err := b.client.replaceSecret(ctx, name, pair); err != nil {
			return 0, err
		}
		start := time.Now()
		at, err := b.prober.presents(ctx, b.Timeout, spec.host, der(pair))
		return at.Sub(start), err
	})
	return errors.Join(err, b.workload.deleteRoute(ctx, name), b.client.delete(ctx, secrets, name))
}

// manyTLS adds many hosts with TLS at once. Times count from the last response.
func (b *bench) manyTLS(ctx context.Context) error {
	if b.target.HTTPS == "" {
		return nil
	}
	if err := b.createTLSSecrets(ctx); err != nil {
		return err
	}
	if err := b.rest(ctx); err != nil {
		return err
	}
	before, start := b.target.Used(ctx), time.Now()
	if err := b.createTLSHosts(ctx); err != nil {
		return err
	}
	created := time.Now()
	b.recorder.Value("hosts", "", float64(b.tlsHosts), "")
	b.recorder.Seconds("created", created.Sub(start))
	served, err := b.tlsServed(ctx)
	if err != nil {
		return err
	}
	b.recorder.Seconds("served, after the last create", served.Sub(created))
	if err := b.statuses.count(ctx, b.LoadTimeout, b.N+b.tlsHosts); err != nil {
		return err
	}
	b.recorder.Seconds("valid, after the last create", time.Since(created))
	if err := b.rest(ctx); err != nil {
		return err
	}
	b.recordUse(" per host", b.target.Used(ctx).Since(before), b.tlsHosts)
	return b.recordMemory("memory with them", target.Process.Memory)
}

// editTLS changes the second route of random TLS hosts.
func (b *bench) editTLS(ctx context.Context) error {
	if err := b.ensureTLS(ctx); err != nil || b.tlsHosts == 0 {
		return err
	}
	second := make(map[int]int, b.Samples)
	return b.series(ctx, "edit of a TLS host seen by a request", b.Samples, func(int) (time.Duration, error) {
		i := b.random.IntN(b.tlsHosts)
		next, ok := second[i]
		if !ok {
			next = 1
		}
		next ^= 1
		w := b.wantsTLS(nth("tls", i), next)
		_, _ = b.prober.send(ctx, w) // not the expected answer yet, but this opens the connection
		if _, err := b.workload.editRoute(ctx, nth("tls", i), serviceName(next)); err != nil {
			return 0, err
		}
		second[i] = next
		return b.served(ctx, w)
	})
}

// addTLS adds TLS hosts one by one to the many.
func (b *bench) addTLS(ctx context.Context) error {
	if err := b.ensureTLS(ctx); err != nil || b.tlsHosts == 0 {
		return err
	}
	samples := max(1, b.Samples/fewer)
	specs := make([]routed, samples)
	for i := range specs {
		var err error
		if specs[i], _, err = b.secure(ctx, nth("tls-add", i)); err != nil {
			return err
		}
	}
	err := b.series(ctx, "one more TLS host seen by a request", samples, func(i int) (time.Duration, error) {
		if err := b.workload.createRoute(ctx, specs[i]); err != nil {
			return 0, err
		}
		return b.served(ctx, b.wantsTLS(specs[i].name, 1))
	})
	return errors.Join(err, b.deleteSeries(ctx, "tls-add"))
}

// ensureTLS adds the many TLS hosts if they do not exist yet.
func (b *bench) ensureTLS(ctx context.Context) error {
	if b.target.HTTPS == "" || b.tlsHosts > 0 {
		return nil
	}
	if err := b.createTLSSecrets(ctx); err != nil {
		return err
	}
	if err := b.createTLSHosts(ctx); err != nil {
		return err
	}
	_, err := b.tlsServed(ctx)
	return err
}

// deleteTLS deletes the many TLS hosts, if there are any, and returns when none is served.
func (b *bench) deleteTLS(ctx context.Context) error {
	if b.tlsHosts == 0 {
		return nil
	}
	err := parallel(ctx, b.Writers, b.tlsHosts, func(ctx context.Context, i int) error {
		return b.workload.deleteRoute(ctx, nth("tls", i))
	})
	if err != nil {
		return err
	}
	removed := b.workload.want(nth("tls", b.tlsHosts-1), "")
	b.tlsHosts = 0
	_, err = b.prober.until(ctx, b.LoadTimeout, removed)
	return err
}

// wantedTLS is the number of TLS hosts to create.
func (b *bench) wantedTLS() int {
	if b.TLSHosts > 0 {
		return b.TLSHosts
	}
	return min(b.N, MaxTLSHosts)
}

func (b *bench) createTLSSecrets(ctx context.Context) error {
	if b.TLSShared {
		pair, err := b.ca.Server("*" + b.workload.host(""))
		if err != nil {
			return err
		}
		return b.client.createSecret(ctx, sharedSecret, pair)
	}
	return parallel(ctx, b.Writers, b.wantedTLS(), func(ctx context.Context, i int) error {
		_, _, err := b.secure(ctx, nth("tls", i))
		return err
	})
}

// createTLSHosts makes the hosts of the Secrets.
func (b *bench) createTLSHosts(ctx context.Context) error {
	n := b.wantedTLS()
	err := parallel(ctx, b.Writers, n, func(ctx context.Context, i int) error {
		spec := b.workload.withoutTLS(nth("tls", i), 0, 1)
		if spec.secret = spec.name; b.TLSShared {
			spec.secret = sharedSecret
		}
		return b.workload.createRoute(ctx, spec)
	})
	if err == nil {
		b.tlsHosts = n
	}
	return err
}

// tlsServed waits until the last TLS hosts and a random sample are served, and returns when.
func (b *bench) tlsServed(ctx context.Context) (at time.Time, err error) {
	for _, i := range b.sampled(b.tlsHosts) {
		if at, err = b.prober.until(ctx, b.LoadTimeout, b.wantsTLS(nth("tls", i), 1)); err != nil {
			return time.Time{}, err
		}
	}
	return at, nil
}

func (b *bench) wantsTLS(name string, second int) want {
	w := b.workload.want(name, backendName(second))
	w.secure = true
	return w
}

// secure makes a Secret of its own for a host, and describes the host.
func (b *bench) secure(ctx context.Context, name string) (routed, pki.Pair, error) {
	spec := b.workload.withoutTLS(name, 0, 1)
	spec.secret = name
	pair, err := b.ca.Server(spec.host)
	if err != nil {
		return routed{}, pki.Pair{}, err
	}
	return spec, pair, b.client.createSecret(ctx, name, pair)
}

func (c *client) createSecret(ctx context.Context, name string, pair pki.Pair) error {
	return c.createSecretOf(ctx, name, corev1.SecretTypeTLS, pair)
}

func (c *client) createSecretOf(ctx context.Context, name string, secretType corev1.SecretType, pair pki.Pair) error {
	return c.create(ctx, secrets, object{
		"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": name},
		"type": string(secretType), "data": secretData(pair),
	})
}

// replaceSecret replaces the pair in a Secret.
func (c *client) replaceSecret(ctx context.Context, name string, pair pki.Pair) error {
	body, err := json.Marshal(object{"data": secretData(pair)})
	if err != nil {
		return fmt.Errorf("secret %s: %w", name, err)
	}
	_, err = c.patch(ctx, secrets, name, types.MergePatchType, body)
	return err
}

func secretData(pair pki.Pair) object {
	return object{
		corev1.TLSCertKey:       base64.StdEncoding.EncodeToString(pair.Cert),
		corev1.TLSPrivateKeyKey: base64.StdEncoding.EncodeToString(pair.Key),
	}
}

// der is the certificate of a pair that has one.
func der(pair pki.Pair) []byte {
	block, _ := pem.Decode(pair.Cert)
	return block.Bytes
}
