package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/settings"
	"contour.example/contour/internal/source/object"
)

// installation is a controller as its Deployment starts it, ours or Contour's, read in the same way as contour serve reads its command line.
type installation struct {
	name      kobj.Name // of the Deployment
	pod       *corev1.PodSpec
	container *corev1.Container
	flags     *serveFlags
	ignored   []string // arguments that this version does not have
	document  settings.Document
	config    config.Config
	fs        *pflag.FlagSet
}

// errNoInstallation says that there is no Deployment of a controller.
var errNoInstallation = errors.New("there is no Deployment of a controller")

// installationReader reads the objects that a controller is installed with: of a cluster, or of files.
type installationReader interface {
	deployments(ctx context.Context) ([]appsv1.Deployment, error)
	configMap(ctx context.Context, of kobj.Name) (*corev1.ConfigMap, error)
	configuration(ctx context.Context, of kobj.Name) (*v1alpha1.ContourConfiguration, error)
}

// installed finds the controller in the namespace and with the labels of f, and reads its configuration.
func (f *liveFlags) installed(ctx context.Context, api *rest.Config) (*installation, error) {
	from, err := newClusterInstallation(api, f.Namespace, f.Selector)
	if err != nil {
		return nil, err
	}
	in, err := f.find(ctx, from)
	if err != nil {
		return nil, err
	}
	if err := in.read(ctx, from); err != nil {
		return nil, fmt.Errorf("deployment %s: %w", in.name, err)
	}
	return in, nil
}

// find finds the controller and reads its command line.
func (f *liveFlags) find(ctx context.Context, from installationReader) (*installation, error) {
	all, err := from.deployments(ctx)
	if err != nil {
		return nil, fmt.Errorf("deployments in namespace %s: %w", f.Namespace, err)
	}
	var found []*installation
	for i := range all {
		pod := &all[i].Spec.Template.Spec
		for j := range pod.Containers {
			c := &pod.Containers[j]
			if args, ok := servingArguments(c); ok {
				in := &installation{name: kobj.Name{Namespace: all[i].Namespace, Name: all[i].Name}, pod: pod, container: c}
				in.parse(args, environment(c, all[i].Namespace))
				found = append(found, in)
			}
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%w with the labels %s in namespace %s", errNoInstallation, f.Selector, f.Namespace)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("several Deployments of controllers with the labels %s in namespace %s, such as %s and %s: choose one with --selector", f.Selector, f.Namespace, found[0].name, found[1].name)
}

// clusterInstallation reads from an API server.
type clusterInstallation struct {
	api                 *rest.Config
	kube                kubernetes.Interface
	namespace, selector string
}

func newClusterInstallation(api *rest.Config, namespace, selector string) (*clusterInstallation, error) {
	kube, err := kubernetes.NewForConfig(api)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return &clusterInstallation{api: api, kube: kube, namespace: namespace, selector: selector}, nil
}

func (c *clusterInstallation) deployments(ctx context.Context) ([]appsv1.Deployment, error) {
	list, err := c.kube.AppsV1().Deployments(c.namespace).List(ctx, metav1.ListOptions{LabelSelector: c.selector, Limit: maxInstallations})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

func (c *clusterInstallation) configMap(ctx context.Context, of kobj.Name) (*corev1.ConfigMap, error) {
	return c.kube.CoreV1().ConfigMaps(of.Namespace).Get(ctx, of.Name, metav1.GetOptions{})
}

func (c *clusterInstallation) configuration(ctx context.Context, of kobj.Name) (*v1alpha1.ContourConfiguration, error) {
	source, err := object.New(c.api, of, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return source.Get(ctx)
}

// maxInstallations bounds the Deployments that are read.
const maxInstallations = 16

// servingArguments returns the arguments of a container after the command serve.
func servingArguments(c *corev1.Container) ([]string, bool) {
	words := slices.Concat(c.Command, c.Args)
	at := slices.Index(words, "serve")
	if at < 0 {
		return nil, false
	}
	return words[at+1:], true
}

// environment returns the variables of a container that are given as texts, or are its namespace.
func environment(c *corev1.Container, namespace string) map[string]string {
	values := map[string]string{}
	for _, e := range c.Env {
		values[e.Name] = e.Value
		if from := e.ValueFrom; from != nil && from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace" {
			values[e.Name] = namespace
		}
	}
	return values
}

// parse reads the arguments as contour serve does, except that those which it does not have are put aside.
func (in *installation) parse(args []string, env map[string]string) {
	in.fs = pflag.NewFlagSet("serve", pflag.ContinueOnError)
	in.fs.SetOutput(io.Discard)
	logging := &logFlags{}
	logging.add(in.fs)
	in.flags = &serveFlags{logging: logging}
	in.flags.add(in.fs, func(name string) string { return env[name] })
	var expand []string
	for name, value := range env {
		expand = append(expand, "$("+name+")", value)
	}
	expanded := strings.NewReplacer(expand...)
	for len(args) > 0 {
		n := min(in.width(args), len(args))
		one := make([]string, n)
		for i := range one {
			one[i] = expanded.Replace(args[i])
		}
		if err := in.fs.Parse(one); err != nil || in.fs.NArg() > 0 {
			name, _, _ := strings.Cut(args[0], "=") // the value may be anything
			in.ignored = append(in.ignored, name)
		}
		args = args[n:]
	}
}

// notInstalled returns a controller with default settings that serves everything.
func notInstalled() (in *installation, err error) {
	in = &installation{document: settings.Empty()}
	in.parse(nil, nil)
	in.config, err = in.flags.build(in.document)
	in.config.Gateways.Enabled = true
	return in, err
}

// width returns how many arguments the first flag has: with its value.
func (in *installation) width(args []string) int {
	name, _, complete := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
	if complete || !strings.HasPrefix(args[0], "-") {
		return 1
	}
	of := in.fs.Lookup(name)
	if len(name) == 1 {
		of = in.fs.ShorthandLookup(name)
	}
	switch {
	case of != nil && of.NoOptDefVal == "":
		return 2
	case of == nil && len(args) > 1 && !strings.HasPrefix(args[1], "-"):
		return 2
	}
	return 1
}

// read reads the configuration file, which is in a ConfigMap, or the ContourConfiguration, and builds the configuration.
func (in *installation) read(ctx context.Context, from installationReader) (err error) {
	in.document = settings.Empty()
	switch {
	case in.flags.configName != "":
		name := kobj.Name{Namespace: in.flags.configNamespace, Name: in.flags.configName}
		o, err := from.configuration(ctx, name)
		if err != nil {
			return fmt.Errorf("ContourConfiguration %s: %w", name, err)
		}
		in.document = settings.Object("ContourConfiguration "+name.String(), o.Spec)
	case in.flags.path != "":
		if in.document, err = in.file(ctx, from); err != nil {
			return err
		}
	}
	in.config, err = in.flags.build(in.document)
	in.config.Gateways.Enabled = in.config.Gateways.Enabled || in.config.Gateways.Provision
	return err
}

// file reads the configuration file from the ConfigMap that is mounted where the flag says.
func (in *installation) file(ctx context.Context, from installationReader) (settings.Document, error) {
	name, key := configMapOf(in.pod, in.container, in.flags.path)
	if name == "" {
		return settings.Empty(), fmt.Errorf("--config-path=%s is in no ConfigMap", in.flags.path)
	}
	m, err := from.configMap(ctx, kobj.Name{Namespace: in.name.Namespace, Name: name})
	if err != nil {
		return settings.Empty(), fmt.Errorf("ConfigMap %s: %w", name, err)
	}
	text, ok := m.Data[key]
	if !ok {
		return settings.Empty(), fmt.Errorf("ConfigMap %s has no %s", name, key)
	}
	return settings.File("ConfigMap "+name+" "+key, []byte(text))
}

// configMapOf returns the ConfigMap and its key that a path in a container is; "" if it is none.
func configMapOf(pod *corev1.PodSpec, c *corev1.Container, file string) (name, key string) {
	for _, m := range c.VolumeMounts {
		below, ok := strings.CutPrefix(file, strings.TrimSuffix(m.MountPath, "/")+"/")
		if m.SubPath != "" && file == m.MountPath {
			below, ok = m.SubPath, true
		}
		at := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if !ok || at < 0 || pod.Volumes[at].ConfigMap == nil {
			continue
		}
		key = path.Clean(below)
		for _, item := range pod.Volumes[at].ConfigMap.Items {
			if item.Path == key {
				key = item.Key
				break
			}
		}
		return pod.Volumes[at].ConfigMap.Name, key
	}
	return "", ""
}

// set returns the names of the flags that are on the command line, sorted.
func (in *installation) set() (names []string) {
	in.fs.Visit(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}
