package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/kubeclient"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/source/kube"
)

type preflightFlags struct {
	live   liveFlags
	paths  []string
	output string
}

func preflightCommand(s Streams, logging *logFlags) *cobra.Command {
	f := &preflightFlags{}
	c := &cobra.Command{
		Use:   "preflight [-f PATH]",
		Short: "Report what prevents an installation of this version, or changes its meaning.",
		Long: `Report what of an installation of Contour, or of this controller, prevents that this version replaces it, or has another meaning: flags of its
Deployment, its configuration, and the objects that it serves. Without -f, also what of the cluster does: kinds that the API server does not serve, stored
versions of CustomResourceDefinitions, permissions of the ServiceAccount, certificates of the xDS connection, and the images of Envoys. With -f, only the
manifests are read. Nothing is written.

What you have no permission to read is reported as a note. Exit code 3 means that there are findings of severity error.`,
		Example: "  contour preflight\n  contour preflight -f contour-before.yaml -f objects/ -o json",
		Args:    arguments(0, 0),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := usage(oneOf("output", f.output, "text", "json", "yaml"), f.live.check()); err != nil {
				return err
			}
			p := &preflight{now: time.Now(), log: logging, messages: s.Err}
			ctx, cancel := f.live.limited(c.Context())
			defer cancel()
			var err error
			if len(f.paths) > 0 {
				err = p.files(ctx, &f.live, c.InOrStdin(), f.paths)
			} else {
				err = p.cluster(ctx, &f.live)
			}
			if err != nil {
				return err
			}
			return p.print(s, f.output)
		},
	}
	f.live.addCluster(c.Flags(), s.Env)
	c.Flags().StringArrayVarP(&f.paths, "filename", "f", nil, "File or directory of manifests; - is standard input. May be repeated. Without, the cluster is read.")
	c.Flags().StringVarP(&f.output, "output", "o", "text", "Format of the output: text, json or yaml.")
	return c
}

// preflight collects findings.
type preflight struct {
	now      time.Time
	log      *logFlags
	messages io.Writer

	in       *installation // nil if there is none
	config   config.Config
	findings []preview.Finding
}

func (p *preflight) add(severity preview.Severity, of kobj.Key, field, format string, a ...any) {
	p.findings = append(p.findings, preview.Finding{Severity: severity, Object: of, Field: field, Message: fmt.Sprintf(format, a...)})
}

// cannotTell adds a note if the error is a missing permission; it returns other errors.
func (p *preflight) cannotTell(of kobj.Key, what string, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	p.add(preview.Note, of, "", "Cannot tell %s: reading it is not permitted.", what)
	return nil
}

// files checks manifests of an installation and of objects.
func (p *preflight) files(ctx context.Context, f *liveFlags, stdin io.Reader, paths []string) error {
	var text []byte
	if slices.Contains(paths, "-") {
		var err error
		if text, err = io.ReadAll(io.LimitReader(stdin, maxManifests+1)); err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
	}
	from, err := readInstallation(bytes.NewReader(text), paths)
	if err != nil {
		return err
	}
	if err := p.installation(ctx, f, from); err != nil {
		return err
	}
	of, err := preview.Load(preview.Options{Paths: paths, Stdin: bytes.NewReader(text), Config: p.config, Log: quietLogger(p.messages, p.log)})
	if err != nil {
		return err
	}
	p.findings = append(p.findings, of.Findings...)
	return nil
}

// cluster checks a cluster and the installation in it.
func (p *preflight) cluster(ctx context.Context, f *liveFlags) error {
	api, err := kubeclient.FromContext(f.Kubeconfig, f.Context)
	if err != nil {
		return err
	}
	from, err := newClusterInstallation(kubeclient.WithRateLimit(api, 0, 0), f.Namespace, f.Selector)
	if err != nil {
		return err
	}
	if err := p.installation(ctx, f, from); err != nil {
		return err
	}
	for _, check := range []func(context.Context, *clusterInstallation) error{p.kinds, p.storedVersions, p.permissions, p.certificates, p.envoys, p.objects} {
		if err := check(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

// installation checks the command line and the configuration of the controller.
func (p *preflight) installation(ctx context.Context, f *liveFlags, from installationReader) error {
	defaults, err := notInstalled()
	if err != nil {
		return err
	}
	p.config = defaults.config
	in, err := f.find(ctx, from)
	deployment := kobj.Of("Deployment", f.Namespace, "contour")
	switch {
	case errors.Is(err, errNoInstallation):
		p.add(preview.Note, kobj.Key{}, "", "There is no Deployment of a controller with the labels %s in namespace %s; the default settings apply.", f.Selector, f.Namespace)
		return nil
	case apierrors.IsForbidden(err):
		return p.cannotTell(deployment, "how a controller is started", cause(err, apierrors.IsForbidden))
	case err != nil:
		return err
	}
	p.in, deployment.Name = in, in.name
	for _, name := range in.ignored {
		p.add(preview.Error, deployment, name, "This version does not have this argument, or not with this value, and does not start with it. contour serve --help lists all.")
	}
	err = in.read(ctx, from)
	if apierrors.IsForbidden(err) {
		return p.cannotTell(deployment, "which settings the controller has", cause(err, apierrors.IsForbidden))
	}
	for _, one := range separate(err) {
		p.add(preview.Error, deployment, "", "%s", sentence(one.Error()))
	}
	for _, x := range in.document.Ignored() {
		p.add(preview.Warning, deployment, x.Key, "%s", strings.TrimSpace(x.Where+": "+x.Message))
	}
	if err == nil {
		p.config = in.config
	}
	if p.config.Gateways.Enabled {
		in.flags.needs = append(in.flags.needs, kind.GatewayAPI)
	}
	return nil
}

// cause returns the error in err for which is returns true.
func cause(err error, is func(error) bool) error {
	for is(errors.Unwrap(err)) {
		err = errors.Unwrap(err)
	}
	return err
}

// separate returns the errors that are joined in one.
func separate(err error) (all []error) {
	switch e := err.(type) { //nolint:errorlint // the errors on the way are what is looked for
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		for _, x := range e.Unwrap() {
			all = append(all, separate(x)...)
		}
		return all
	case usageError:
		return separate(e.error)
	}
	return []error{err}
}

// sentence ends a text as a sentence ends.
func sentence(text string) string {
	if strings.HasSuffix(text, ".") {
		return text
	}
	return text + "."
}

// objects evaluates those of the cluster.
func (p *preflight) objects(ctx context.Context, from *clusterInstallation) error {
	var namespaces []string
	if p.in != nil {
		namespaces = p.in.flags.watchNamespaces
	}
	listed, err := kube.List(ctx, kube.ListOptions{Config: from.api, Kinds: p.watched(), Namespaces: namespaces})
	if err != nil {
		return err
	}
	of := &preview.Cluster{Objects: listed.Objects, Now: p.now, NoSecrets: slices.Contains(listed.Forbidden, kobj.Secret)}
	for _, k := range listed.Forbidden {
		p.add(preview.Note, kobj.Of("API", "", string(k)), "", "Cannot tell whether objects that depend on this kind are valid: listing it is not permitted.")
	}
	if slices.ContainsFunc(listed.Forbidden, func(k kobj.Kind) bool { return k != kobj.Secret }) {
		return nil // what remains would have errors that it does not have
	}
	found, err := preview.Load(preview.Options{Config: p.config, Log: quietLogger(p.messages, p.log), Cluster: of})
	if err != nil {
		return err
	}
	p.findings = append(p.findings, found.Findings...)
	return nil
}

func (p *preflight) print(s Streams, output string) error {
	document := apiv1.List[apiv1.Diagnostic]{Type: apiv1.TypeOf("DiagnosticList"), Items: apiv1.DiagnosticsOf(p.findings)}
	var err error
	switch output {
	case "json":
		err = writeJSON(s.Out, document)
	case "yaml":
		var text []byte
		if text, err = yaml.Marshal(document); err == nil {
			_, err = s.Out.Write(text)
		}
	default:
		for _, x := range p.findings {
			fmt.Fprintln(s.Out, findingLine(x))
		}
	}
	counts := map[preview.Severity]int{}
	for _, x := range p.findings {
		counts[x.Severity]++
	}
	fmt.Fprintf(s.Err, "%d errors, %d warnings, %d notes\n", counts[preview.Error], counts[preview.Warning], counts[preview.Note])
	if err == nil && counts[preview.Error] > 0 {
		return answerNo
	}
	return err
}
