package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"contour.example/contour/internal/certs"
)

// certgenFlags are the flags of certgen, with the names and defaults of Contour.
type certgenFlags struct {
	namespace, format, suffix string
	days                      int
	fleets                    []string
	authority                 bool
	overwrite, renew          bool
	pem, yaml, kube           bool
	inCluster                 bool
	kubeconfig                string
}

func certgenCommand(s Streams) *cobra.Command {
	f := &certgenFlags{}
	c := &cobra.Command{
		Use:   "certgen [DIRECTORY]",
		Short: "Make the certificates for mutual TLS between the controller and Envoy.",
		Args:  arguments(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			dir := "certs"
			if len(args) == 1 {
				dir = args[0]
			}
			return f.run(c.Context(), s, dir)
		},
	}
	fs := c.Flags()
	fs.StringVar(&f.namespace, "namespace", namespace(s.Env), "Namespace of the controller.")
	fs.StringSliceVar(&f.fleets, "fleet", nil, "Fleets of Envoys, beside the default one, that get a certificate of their own, comma-separated.")
	fs.BoolVar(&f.authority, "fleet-authority", false, "Make a CA for the certificates of the fleets of Gateways, in the Secret "+certs.AuthoritySecret+": contour serve --gateway-provisioner issues them.")
	fs.IntVar(&f.days, "certificate-lifetime", 365, "Lifetime of the certificates, in days.")
	fs.StringVar(&f.format, "secrets-format", string(certs.Legacy), "How Secrets are laid out: legacy or compact.")
	fs.StringVar(&f.suffix, "secrets-name-suffix", "", "Suffix of the names of the Secrets.")
	fs.BoolVar(&f.overwrite, "overwrite", false, "Replace what exists.")
	fs.BoolVar(&f.renew, "renew", false, "Keep Secrets of a cluster that are valid for more than a third of their lifetime, and take the step of their renewal that is due; for --kube with the compact format.")
	fs.BoolVar(&f.pem, "pem", false, "Write PEM files.")
	fs.BoolVar(&f.yaml, "yaml", false, "Write Secrets as YAML files.")
	fs.BoolVar(&f.kube, "kube", false, "Write Secrets to the cluster.")
	fs.BoolVar(&f.inCluster, "incluster", false, "Use the service account of the pod.")
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "Path of a kubeconfig.")
	return c
}

// run writes the certificates in every form that was asked for, as PEM files if none was.
func (f *certgenFlags) run(ctx context.Context, s Streams, dir string) error {
	format, err := certs.ParseFormat(f.format)
	if err != nil {
		return usage(err)
	}
	if f.renew && (f.overwrite || f.pem || f.yaml || !f.kube || format != certs.Compact) {
		return usage(errors.New("--renew: is for --kube with --secrets-format=compact only, and not with --overwrite"))
	}
	now := time.Now()
	options := certs.Options{Namespace: f.namespace, LifetimeDays: f.days, Fleets: f.fleets, Authority: f.authority, Now: now}
	if err := usage(options.Validate()); err != nil {
		return err
	}
	bundle, err := certs.Generate(options)
	if err != nil {
		return err
	}
	version, _ := buildVersion()
	secrets := bundle.Secrets(certs.SecretOptions{Namespace: f.namespace, Format: format, Suffix: f.suffix, Version: version})
	var errs []error
	if f.pem || !f.yaml && !f.kube {
		errs = append(errs, bundle.WritePEM(dir, f.existing()))
	}
	if f.yaml {
		errs = append(errs, certs.WriteYAML(dir, f.existing(), secrets))
	}
	if f.kube {
		errs = append(errs, f.apply(ctx, s, secrets, now))
	}
	return errors.Join(errs...)
}

func (f *certgenFlags) existing() certs.Existing {
	if f.overwrite {
		return certs.Replace
	}
	return certs.Keep
}

// ensure renews the Secrets. That of the authority of fleets is independent of the others, and kept if it exists.
func (f *certgenFlags) ensure(ctx context.Context, client kubernetes.Interface, secrets []*corev1.Secret, now time.Time) ([]certs.Result, error) {
	var authority []*corev1.Secret
	secrets = slices.DeleteFunc(slices.Clone(secrets), func(s *corev1.Secret) bool {
		of := strings.HasPrefix(s.Name, certs.AuthoritySecret)
		if of {
			authority = append(authority, s)
		}
		return of
	})
	results, err := certs.Apply(ctx, client, certs.Keep, authority)
	if err != nil {
		return results, err
	}
	others, err := certs.Ensure(ctx, client, secrets, now)
	return append(results, others...), err
}

func (f *certgenFlags) apply(ctx context.Context, s Streams, secrets []*corev1.Secret, now time.Time) error {
	rc, err := clusterConfig(f.inCluster, f.kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(rc)
	if err != nil {
		return fmt.Errorf("kubernetes client: %w", err)
	}
	var results []certs.Result
	if f.renew {
		results, err = f.ensure(ctx, client, secrets, now)
		if errors.Is(err, certs.ErrForeign) {
			fmt.Fprintf(s.Out, "nothing is renewed: %v\n", err)
			return nil
		}
	} else {
		results, err = certs.Apply(ctx, client, f.existing(), secrets)
	}
	for _, r := range results {
		fmt.Fprintf(s.Out, "secret/%s %s\n", r.Name, r.Outcome)
	}
	return err
}
