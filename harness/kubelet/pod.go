package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"contour.example/harness/process"
)

// container is a running process of a Pod.
type container struct {
	*process.Process

	address netip.Addr
	root    string
	log     *log
}

func (c *container) stop() error { return errors.Join(c.Kill(), os.RemoveAll(c.root)) }

// reconcilePods starts and stops processes, and writes statuses.
func (k *Kubelet) reconcilePods(ctx context.Context) error {
	pods, err := k.pods.List(labels.Everything())
	if err != nil {
		return fmt.Errorf("pods: %w", err)
	}
	var errs []error
	exists := map[types.UID]bool{}
	for _, p := range pods {
		if p.Spec.NodeName != nodeName || p.DeletionTimestamp != nil {
			continue
		}
		exists[p.UID] = true
		errs = append(errs, k.reconcilePod(ctx, p))
	}
	for uid, c := range k.running {
		if !exists[uid] {
			delete(k.running, uid)
			k.logs.remove(c.log)
			errs = append(errs, c.stop())
		}
	}
	return errors.Join(errs...)
}

func (k *Kubelet) reconcilePod(ctx context.Context, p *corev1.Pod) error {
	if c := k.running[p.UID]; c != nil && !c.Running() {
		delete(k.running, p.UID) // its log stays until it runs again
		return errors.Join(fmt.Errorf("pod %s/%s ended: %w", p.Namespace, p.Name, c.Err()), c.stop())
	}
	if k.running[p.UID] == nil {
		c, err := k.start(p)
		if err != nil {
			return errors.Join(fmt.Errorf("pod %s/%s: %w", p.Namespace, p.Name, err), k.writeStatus(ctx, p, pendingStatus(p, err.Error())))
		}
		k.running[p.UID] = c
	}
	return k.writeStatus(ctx, p, runningStatus(p, k.running[p.UID].address))
}

// initTimeout is how long an init container may run.
const initTimeout = 30 * time.Second

// start runs the init containers of a Pod, starts the process of its first container, and connects it.
func (k *Kubelet) start(p *corev1.Pod) (*container, error) {
	root := filepath.Join(k.options.Dir, string(p.UID))
	first := p.Spec.Containers[0]
	for _, of := range append(slices.Clone(p.Spec.InitContainers), first) {
		if err := k.writeVolumes(p, of, root); err != nil {
			return nil, err
		}
		if err := k.install(of, root); err != nil {
			return nil, err
		}
	}
	address := k.options.Bridge.Next()
	for _, of := range p.Spec.InitContainers {
		if err := k.initialize(p, of, address, root); err != nil {
			return nil, err
		}
	}
	c := &container{address: address, root: root, log: &log{name: logName{p.Namespace, p.Name, first.Name}}}
	spec, err := k.spec(p, first, address, root)
	if err != nil {
		return nil, err
	}
	spec.Network, spec.Output = true, c.log
	if c.Process, err = process.Start(spec); err != nil {
		return nil, err
	}
	if err := k.options.Bridge.Connect(c.PID(), address); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	k.logs.add(c.log)
	return c, nil
}

// initialize runs an init container until it ends.
func (k *Kubelet) initialize(p *corev1.Pod, of corev1.Container, address netip.Addr, root string) error {
	spec, err := k.spec(p, of, address, root)
	if err != nil {
		return err
	}
	c, err := process.Start(spec)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), initTimeout)
	defer cancel()
	return errors.Join(c.Wait(ctx), c.Kill())
}

// spec returns the process of a container, whose program is installed.
func (k *Kubelet) spec(p *corev1.Pod, of corev1.Container, address netip.Addr, root string) (process.Spec, error) {
	env, err := environment(p, of, address)
	if err != nil {
		return process.Spec{}, err
	}
	return process.Spec{
		Name: p.Namespace + "/" + p.Name + "/" + of.Name, Path: programPath(of), Args: arguments(of, env), Env: env, Dir: "/", Root: root,
		Log: filepath.Join(k.options.Dir, p.Namespace+"_"+p.Name+".log"),
	}, nil
}

// arguments returns those of a container, with the values of the variables that they refer to.
func arguments(of corev1.Container, env []string) []string {
	var pairs []string
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		pairs = append(pairs, "$("+name+")", value)
	}
	values := strings.NewReplacer(pairs...)
	var args []string
	for _, a := range of.Args {
		args = append(args, values.Replace(a))
	}
	return args
}

// environment returns the variables of a container as k=v.
func environment(p *corev1.Pod, of corev1.Container, address netip.Addr) ([]string, error) {
	fields := map[string]string{
		"metadata.name": p.Name, "metadata.namespace": p.Namespace, "metadata.uid": string(p.UID),
		"spec.nodeName": nodeName, "status.podIP": address.String(),
	}
	var env []string
	for _, e := range of.Env {
		value := e.Value
		if e.ValueFrom != nil {
			if e.ValueFrom.FieldRef == nil || fields[e.ValueFrom.FieldRef.FieldPath] == "" {
				return nil, fmt.Errorf("variable %s: its source is not supported", e.Name)
			}
			value = fields[e.ValueFrom.FieldRef.FieldPath]
		}
		env = append(env, e.Name+"="+value)
	}
	return env, nil
}
