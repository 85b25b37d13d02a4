package cluster

import (
	"context"
	_ "embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/harness/image"
	"contour.example/harness/kube"
	"contour.example/harness/poll"
)

//go:embed addresses.yaml
var addressesManifest string

// poolBits is the size of a pool: a /22 has 1022 addresses.
const poolBits = 22

// installAddresses runs package balancer in the cluster. Root assigns a pool of the
// nodes' network to it, and adds a route to the pool on this machine; other users share the nodes' addresses.
func (k *Kind) installAddresses(ctx context.Context, c *Cluster) error {
	if k.CloudProvider != "" {
		return k.startCloudProvider()
	}
	if !k.AddressWriter {
		return nil
	}
	addresses, err := k.nodeAddresses()
	if err != nil {
		return err
	}
	if k.Workers > 0 {
		addresses = addresses[1:] // DaemonSets that run on workers only are not reachable on the control plane
	}
	pool := joined(addresses)
	if os.Geteuid() == 0 {
		if pool, err = k.ownPool(ctx, addresses); err != nil {
			return err
		}
	}
	client, err := kube.New(c.Config)
	if err != nil {
		return err
	}
	text := strings.NewReplacer("IMAGE", image.AddressesName, "POOL", pool).Replace(addressesManifest)
	if _, err := client.ApplyYAML(ctx, "kube-system", text); err != nil {
		return err
	}
	return available(ctx, client, "kube-system", "addresses")
}

func joined(addresses []netip.Addr) string {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	return strings.Join(texts, ",")
}

// available waits for a Deployment.
func available(ctx context.Context, client *kube.Client, namespace, name string) error {
	ref := kube.Ref{GroupVersionKind: schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, Namespace: namespace, Name: name}
	return poll.Until(ctx, 2*time.Minute, "Deployment "+namespace+"/"+name, func(ctx context.Context) (bool, string, error) {
		o, err := client.Get(ctx, ref)
		if err != nil {
			return false, err.Error(), nil
		}
		count, _, err := unstructured.NestedInt64(o.Object, "status", "availableReplicas")
		return count > 0, "not available", err
	})
}

func addressOf(o *kube.Object) (netip.Addr, error) {
	ingress, _, err := unstructured.NestedSlice(o.Object, "status", "loadBalancer", "ingress")
	if err != nil || len(ingress) == 0 {
		return netip.Addr{}, errors.Join(errors.New("no address"), err)
	}
	first, _ := ingress[0].(map[string]any)
	text, _ := first["ip"].(string)
	return netip.ParseAddr(text)
}

// ownPool chooses a pool, and adds a route to it by way of the nodes.
func (k *Kind) ownPool(ctx context.Context, nodes []netip.Addr) (string, error) {
	network, err := k.network(ctx)
	if err != nil {
		return "", err
	}
	pool, err := poolIn(network, k.Name)
	if err != nil {
		return "", err
	}
	r := &netlink.Route{Dst: ipNet(pool)}
	for _, n := range nodes {
		r.MultiPath = append(r.MultiPath, &netlink.NexthopInfo{Gw: n.AsSlice()})
	}
	if err := netlink.RouteReplace(r); err != nil {
		return "", fmt.Errorf("route to %s: %w", pool, err)
	}
	return pool.String(), nil
}

// StaticAddress is an address that a Service can request: the last one of the pool, which the address writer assigns to others last,
// and the engine never.
func (k *Kind) StaticAddress(ctx context.Context) (netip.Addr, error) {
	network, err := k.network(ctx)
	if err != nil {
		return netip.Addr{}, err
	}
	pool, err := poolIn(network, k.Name)
	if err != nil {
		return netip.Addr{}, err
	}
	return lastOf(pool), nil
}

// lastOf is the last address of an IPv4 network that is not its broadcast address.
func lastOf(pool netip.Prefix) netip.Addr {
	last := pool.Masked().Addr().As4()
	number := binary.BigEndian.Uint32(last[:]) | (1<<(32-pool.Bits()) - 1)
	binary.BigEndian.PutUint32(last[:], number-1)
	return netip.AddrFrom4(last)
}

// removeRoute removes the route that ownPool made, if it exists.
func (k *Kind) removeRoute(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return nil
	}
	network, err := k.network(ctx)
	if err != nil {
		return nil //nolint:nilerr // without the network there is no route through it
	}
	pool, err := poolIn(network, k.Name)
	if err != nil {
		return nil //nolint:nilerr // therefore none was chosen
	}
	if err := netlink.RouteDel(&netlink.Route{Dst: ipNet(pool)}); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("route to %s: %w", pool, err)
	}
	return nil
}

// network is the IPv4 network that the nodes of all kind clusters are in.
func (k *Kind) network(ctx context.Context) (netip.Prefix, error) {
	out, err := k.Engine.Output(ctx, "network", "inspect", "kind", "--format", "{{json .IPAM.Config}}")
	if err != nil {
		return netip.Prefix{}, err
	}
	var all []struct{ Subnet netip.Prefix }
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		return netip.Prefix{}, fmt.Errorf("network kind: %w", err)
	}
	for _, n := range all {
		if n.Subnet.Addr().Is4() {
			return n.Subnet, nil
		}
	}
	return netip.Prefix{}, errors.New("network kind: no IPv4")
}

// poolIn is a part of the upper half of the network, which engines allocate last; different
// for clusters of different names, as far as possible.
func poolIn(network netip.Prefix, name string) (netip.Prefix, error) {
	if network.Bits() > poolBits-1 {
		return netip.Prefix{}, fmt.Errorf("network %s is too small for a pool of addresses", network)
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(name)) // never fails
	half := uint32(1) << (poolBits - 1 - network.Bits())
	index := half + hash.Sum32()%half
	base := network.Masked().Addr().As4()
	number := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	number |= index << (32 - poolBits)
	first := netip.AddrFrom4([4]byte{byte(number >> 24), byte(number >> 16), byte(number >> 8), byte(number)})
	return netip.PrefixFrom(first, poolBits), nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), 32)}
}
