package bench

import (
	"context"
	"fmt"
	"net"
	"strconv"
)

// gatewayVersion is the apiVersion of Gateways and HTTPRoutes.
const gatewayVersion = "gateway.networking.k8s.io/v1"

// gatewayName is the Gateway of all HTTPRoutes, and listenerName its listener, or that of any other.
const (
	gatewayName  = "bench"
	listenerName = "http"
)

// parent is a Gateway.
type parent struct{ namespace, name string }

// gatewayObject is a Gateway of the class with a listener for HTTP on the port, for routes of all namespaces.
func gatewayObject(name, class string, port int) object {
	return object{
		"apiVersion": gatewayVersion, "kind": "Gateway", "metadata": object{"name": name},
		"spec": object{"gatewayClassName": class, "listeners": []any{object{
			"name": listenerName, "port": port, "protocol": "HTTP",
			"allowedRoutes": object{"namespaces": object{"from": "All"}},
		}}},
	}
}

// programmed reports whether Envoy serves the latest spec of a Gateway, at an address.
func programmed(o answered) bool {
	return o.holds(o.Status.Conditions, "Programmed") && len(o.Status.Addresses) > 0
}

func httpRouteSpec(o routed, of parent) object {
	return object{
		"parentRefs": []any{object{"name": of.name, "namespace": of.namespace}},
		"hostnames":  []any{o.host},
		"rules":      []any{httpRouteRule(o.below+firstPath, o.first), httpRouteRule(o.below+secondPath, o.second)},
	}
}

func httpRouteRule(path, service string) object {
	return object{
		"matches":     []any{object{"path": object{"type": "PathPrefix", "value": path}}},
		"backendRefs": []any{object{"name": service, "port": servicePort}},
	}
}

// prepareGateway creates the Gateway of all routes, whose address and port become those of the target. Its listener has no TLS: the
// scenarios that need some are left out.
func (b *bench) prepareGateway(ctx context.Context) error {
	_, text, err := net.SplitHostPort(b.target.HTTP)
	if err != nil {
		return fmt.Errorf("port of the Gateway: %w", err)
	}
	if b.gatewayPort, err = strconv.Atoi(text); err != nil {
		return fmt.Errorf("port of the Gateway: %w", err)
	}
	if b.gateways, err = watchStatuses(ctx, b.client, followed{gateways, programmed}); err != nil {
		return err
	}
	if err := b.client.create(ctx, gateways, gatewayObject(gatewayName, b.routing.class, b.gatewayPort)); err != nil {
		return err
	}
	if _, err := b.gateways.when(ctx, b.Timeout, gatewayName); err != nil {
		return err
	}
	b.target.HTTP, err = b.gatewayAddress(ctx, gatewayName)
	b.target.HTTPS = ""
	return err
}

// gatewayAddress is host:port of a Gateway that is programmed.
func (b *bench) gatewayAddress(ctx context.Context, name string) (string, error) {
	o, err := b.client.get(ctx, gateways, name)
	if err != nil {
		return "", err
	}
	if len(o.Status.Addresses) == 0 {
		return "", fmt.Errorf("gateway %s has no address", name)
	}
	return net.JoinHostPort(o.Status.Addresses[0].Value, strconv.Itoa(b.gatewayPort)), nil
}
