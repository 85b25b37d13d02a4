package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

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

// start starts the process of a Pod and connects it.
func (k *Kubelet) start(p *corev1.Pod) (*container, error) {
	of := p.Spec.Containers[0]
	image, _, _ := strings.Cut(of.Image, ":")
	program, ok := k.options.Programs[image]
	if !ok {
		return nil, fmt.Errorf("there is no program for image %s", of.Image)
	}
	root := filepath.Join(k.options.Dir, string(p.UID))
	if err := k.writeVolumes(p, of, root); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(root, "bin"), 0o755); err != nil {
		return nil, fmt.Errorf("root: %w", err)
	}
	const path = "/bin/program"
	if err := os.Link(program, filepath.Join(root, path)); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("program: %w", err)
	}
	address := k.options.Bridge.Next()
	env, err := environment(p, of, address)
	if err != nil {
		return nil, err
	}
	c := &container{address: address, root: root, log: &log{name: logName{p.Namespace, p.Name, of.Name}}}
	c.Process, err = process.Start(process.Spec{
		Name: p.Namespace + "/" + p.Name, Path: path, Args: of.Args, Env: env, Dir: "/", Root: root, Network: true,
		Log: filepath.Join(k.options.Dir, p.Namespace+"_"+p.Name+".log"), Output: c.log,
	})
	if err != nil {
		return nil, err
	}
	if err := k.options.Bridge.Connect(c.PID(), address); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	k.logs.add(c.log)
	return c, nil
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
