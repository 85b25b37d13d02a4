package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
	kindcluster "sigs.k8s.io/kind/pkg/cluster"
	"sigs.k8s.io/kind/pkg/cluster/nodes"
	"sigs.k8s.io/kind/pkg/cluster/nodeutils"

	"contour.example/harness/docker"
	"contour.example/harness/poll"
	"contour.example/harness/progress"
)

// readyTimeout is for the control plane of a new cluster on a busy machine.
const readyTimeout = 4 * time.Minute

// diskForCluster is for the nodes of one cluster: 1.1 GB for the control plane, 0.6 GB for a worker.
const diskForCluster = 4 << 30

// Kind is a cluster whose nodes are containers.
type Kind struct {
	// Name of the cluster; its containers are NAME-control-plane, NAME-worker, ...
	Name string
	// Dir is for the kubeconfig and logs; it must exist.
	Dir string
	// Workers is how many nodes there are besides the control plane.
	Workers int
	// NodeImage is in the engine; NoCNI means that it was built here, by package node.
	NodeImage string
	NoCNI     bool
	// Ports maps ports of this machine's loopback to ports of the first node.
	Ports map[int]int
	// Engine runs the nodes.
	Engine *docker.Engine
	Log    progress.Log
	// Images loads the images that the nodes need, by calling load, while the nodes are being created; nil for none.
	Images func(ctx context.Context, load Load) error
	// Services of type LoadBalancer get addresses by one of these: AddressWriter means
	// that Images loads image.Addresses, which needs few resources; CloudProvider is the program
	// cloud-provider-kind, which runs a container of image.LoadBalancerName for each
	// Service, checks the health of nodes, and serves all kind clusters of the engine.
	AddressWriter bool
	CloudProvider string
}

// Load imports an image archive on all nodes.
type Load func(ctx context.Context, archive string) error

// Kubeconfig is where the kubeconfig is.
func (k *Kind) Kubeconfig() string { return filepath.Join(k.Dir, "kubeconfig") }

// Create makes the nodes and waits until they are ready.
func (k *Kind) Create(ctx context.Context) (*Cluster, error) {
	if err := k.Check(ctx); err != nil {
		return nil, err
	}
	if !k.Engine.Has(ctx, k.NodeImage) {
		return nil, fmt.Errorf("kind cluster %s: the engine has no image %s", k.Name, k.NodeImage)
	}
	c, err := k.create(ctx)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx) // and not what broke because of it
	}
	return nil, errors.Join(fmt.Errorf("kind cluster %s: %w", k.Name, err), k.Delete(context.WithoutCancel(ctx)))
}

// Open returns the cluster that an earlier Create has made, possibly in another process.
func (k *Kind) Open(ctx context.Context) (*Cluster, error) {
	c, err := open(ctx, k.Name, k.Kubeconfig(), "")
	if err != nil {
		return nil, err
	}
	c.load = k.Load
	return c, nil
}

// ControlPlane is the first node's name, which is that of its container.
func (k *Kind) ControlPlane() string { return k.Name + "-control-plane" }

// Check finds, before anything is created, causes for which Create would fail in the
// middle; the node image need not exist yet.
func (k *Kind) Check(ctx context.Context) error {
	if err := k.check(ctx); err != nil {
		return fmt.Errorf("kind cluster %s: %w", k.Name, err)
	}
	return nil
}

func (k *Kind) check(ctx context.Context) error {
	if err := k.Engine.Use(); err != nil {
		return err
	}
	there, err := k.provider().List()
	if err != nil {
		return err
	}
	if slices.Contains(there, k.Name) {
		return ErrExists
	}
	for port := range k.Ports {
		if err := free(ctx, port); err != nil {
			return err
		}
	}
	return k.Engine.NeedDisk(ctx, diskForCluster)
}

func free(ctx context.Context, port int) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("%d of 127.0.0.1: %w (%w)", port, ErrPort, err)
	}
	return l.Close()
}

func (k *Kind) create(ctx context.Context) (*Cluster, error) {
	if err := raiseWatchLimits(k.Log); err != nil {
		return nil, err
	}
	if err := k.createWithImages(ctx); err != nil {
		return nil, err
	}
	c, err := k.Open(ctx)
	if err != nil {
		return nil, err
	}
	if err := k.Log.Run(ctx, "network between nodes, all ready", func(ctx context.Context) error { return k.join(ctx, c) }); err != nil {
		return nil, err
	}
	return c, k.Log.Run(ctx, "load balancer addresses", func(ctx context.Context) error { return k.installAddresses(ctx, c) })
}

// createWithImages creates the nodes, and loads images as soon as the nodes run: their
// containerd answers long before the control plane does.
func (k *Kind) createWithImages(ctx context.Context) error {
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return k.Log.Run(ctx, "create the nodes", k.createNodes) })
	if k.Images != nil {
		both.Go(func() error {
			return k.Images(ctx, func(ctx context.Context, archive string) error {
				if err := k.nodesRun(ctx); err != nil {
					return err
				}
				return k.Load(ctx, archive)
			})
		})
	}
	return both.Wait()
}

// nodesRun waits until containerd answers on all nodes.
func (k *Kind) nodesRun(ctx context.Context) error {
	return poll.Until(ctx, readyTimeout, "start of the nodes", func(ctx context.Context) (bool, string, error) {
		all, err := k.provider().ListInternalNodes(k.Name)
		if err != nil || len(all) != 1+k.Workers {
			pause(ctx)
			return false, fmt.Sprintf("%d nodes", len(all)), nil
		}
		for _, node := range all {
			if err := node.CommandContext(ctx, "ctr", "version").Run(); err != nil {
				pause(ctx)
				return false, "containerd of " + node.String() + " does not answer", nil
			}
		}
		return true, "", nil
	})
}

// pause is the interval between two checks that are expensive on a busy machine.
func pause(ctx context.Context) {
	select {
	case <-time.After(time.Second / 2):
	case <-ctx.Done():
	}
}

// createNodes calls kind, which has no context: when ctx ends, the nodes are
// deleted until kind returns an error.
func (k *Kind) createNodes(ctx context.Context) error {
	provider, ended := k.provider(), make(chan struct{})
	var err error // valid after ended
	go func() {
		defer close(ended)
		err = provider.Create(k.Name,
			kindcluster.CreateWithV1Alpha4Config(k.config()), kindcluster.CreateWithNodeImage(k.NodeImage),
			kindcluster.CreateWithKubeconfigPath(k.Kubeconfig()), kindcluster.CreateWithWaitForReady(readyTimeout),
		)
	}()
	select {
	case <-ended:
		return errors.Join(err, ctx.Err())
	case <-ctx.Done():
	}
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	for {
		_ = provider.Delete(k.Name, k.Kubeconfig()) // Create deletes once more, and returns the error
		select {
		case <-ended:
			return context.Cause(ctx)
		case <-retry.C:
		}
	}
}

func (k *Kind) provider() *kindcluster.Provider {
	return kindcluster.NewProvider(kindcluster.ProviderWithDocker(), kindcluster.ProviderWithLogger(logger{k.Log}))
}

func (k *Kind) config() *v1alpha4.Cluster {
	first := v1alpha4.Node{Role: v1alpha4.ControlPlaneRole}
	for host, port := range k.Ports {
		first.ExtraPortMappings = append(first.ExtraPortMappings, v1alpha4.PortMapping{
			ListenAddress: "127.0.0.1", HostPort: int32(host), ContainerPort: int32(port),
		})
	}
	c := &v1alpha4.Cluster{Nodes: []v1alpha4.Node{first}}
	c.TypeMeta = v1alpha4.TypeMeta{APIVersion: "kind.x-k8s.io/v1alpha4", Kind: "Cluster"}
	c.Networking.DisableDefaultCNI = k.NoCNI
	for range k.Workers {
		c.Nodes = append(c.Nodes, v1alpha4.Node{Role: v1alpha4.WorkerRole})
	}
	return c
}

// Delete removes the nodes, and the network of kind if no other cluster uses it.
func (k *Kind) Delete(ctx context.Context) error {
	if err := k.Engine.Use(); err != nil {
		return err
	}
	err := errors.Join(k.stopCloudProvider(ctx), k.removeRoute(ctx))
	if once := k.provider().Delete(k.Name, k.Kubeconfig()); once != nil { // a second Ctrl-C interrupts docker commands too
		err = errors.Join(err, k.provider().Delete(k.Name, k.Kubeconfig()))
	}
	_, _ = k.Engine.Output(ctx, "network", "rm", "kind") // it stays while it is in use
	if err != nil {
		return fmt.Errorf("delete kind cluster %s: %w", k.Name, err)
	}
	return nil
}

// Load imports an image archive on all nodes at once.
func (k *Kind) Load(ctx context.Context, archive string) error {
	all, err := k.provider().ListInternalNodes(k.Name)
	if err != nil {
		return fmt.Errorf("load %s: %w", archive, err)
	}
	if len(all) == 0 {
		return fmt.Errorf("load %s: there is no cluster %s", archive, k.Name)
	}
	var loads errgroup.Group
	for _, node := range all {
		loads.Go(func() error { return loadOne(node, archive) })
	}
	return errors.Join(loads.Wait(), ctx.Err())
}

func loadOne(node nodes.Node, archive string) error {
	file, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := nodeutils.LoadImageArchive(node, file); err != nil {
		return fmt.Errorf("load %s into %s: %w", filepath.Base(archive), node, err)
	}
	return nil
}

// raiseWatchLimits raises, for root, the inotify limits that several nodes exceed. They
// are settings of the whole machine, and are not restored.
func raiseWatchLimits(log progress.Log) error {
	for name, want := range map[string]int{"max_user_instances": 1024, "max_user_watches": 524288} {
		path := "/proc/sys/fs/inotify/" + name
		content, err := os.ReadFile(path)
		if err != nil {
			continue // no Linux: the engine is elsewhere
		}
		now, err := strconv.Atoi(string(bytes.TrimSpace(content)))
		if err != nil || now >= want {
			continue
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(want)), 0o644); err != nil {
			log.Printf("fs.inotify.%s is %d, which may be too few for several nodes; better: sysctl fs.inotify.%s=%d", name, now, name, want)
			continue
		}
		log.Printf("raised fs.inotify.%s of this machine from %d to %d", name, now, want)
	}
	return nil
}

// NodeAddress is the IPv4 address of a node, by the name of its container.
func (k *Kind) NodeAddress(name string) (netip.Addr, error) {
	all, err := k.provider().ListInternalNodes(k.Name)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, node := range all {
		if node.String() == name {
			return addressOfNode(node)
		}
	}
	return netip.Addr{}, fmt.Errorf("cluster %s has no node %s", k.Name, name)
}

// nodeAddresses are those of all nodes, the control plane's first.
func (k *Kind) nodeAddresses() ([]netip.Addr, error) {
	all, err := k.provider().ListInternalNodes(k.Name)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b nodes.Node) int { return strings.Compare(a.String(), b.String()) })
	addresses := make([]netip.Addr, len(all))
	for i, node := range all {
		if addresses[i], err = addressOfNode(node); err != nil {
			return nil, err
		}
	}
	return addresses, nil
}

func addressOfNode(node nodes.Node) (netip.Addr, error) {
	text, _, err := node.IP()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("address of %s: %w", node, err)
	}
	return netip.ParseAddr(text)
}
