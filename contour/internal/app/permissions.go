package app

import (
	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/permission"
)

// What is not done without a permission.
const (
	notServing    = "no Envoy is served by a controller that starts, until it is granted; afterwards, changes are not seen"
	noStatuses    = "statuses of these objects are not written"
	noEvents      = "errors of Ingresses are not reported as Events"
	noLeader      = "no leader is elected, so that no status is written"
	noVerdicts    = "what Envoys reject is not shared between replicas"
	noRenewal     = "certificates of the xDS connection are not renewed"
	noFleets      = "Envoys of Gateways are not created, changed or deleted"
	noObject      = "the controller does not start, or does not see changes of its configuration"
	noObjectState = "the status of the ContourConfiguration is not written"
)

// permissions returns the permissions that serve asks the API server for, those for the ContourConfiguration and for fleets of Gateways excepted. A test compares
// them with the rules of the manifests, and with the requests of serve.
func (f *serveFlags) permissions() (all []permission.Need) {
	watched := f.watched()
	for _, k := range watched {
		of := permission.Permission{Group: k.GroupVersion.Group, Resource: k.Resource}
		for _, namespace := range f.namespacesOf(k) {
			of.Namespace = namespace
			all = append(all, verbs(of, notServing, "list", "watch")...)
			if k.Status != nil {
				status := of
				status.Subresource = "status"
				all = append(all, verbs(status, noStatuses, "patch")...)
			}
			if k.Status != nil && k.Status.Events {
				all = append(all, verbs(permission.Permission{Group: "events.k8s.io", Resource: "events", Namespace: namespace}, noEvents, "create")...)
			}
		}
	}
	lease := permission.Permission{Group: "coordination.k8s.io", Resource: "leases", Namespace: f.lease.namespace}
	if !f.noLeaderElection {
		all = append(all, verbs(lease, noLeader, "create")...)
		lease.Name = f.lease.name
		all = append(all, verbs(lease, noLeader, "get", "update")...)
	}
	for _, name := range f.renewed {
		all = append(all, verbs(permission.Permission{Resource: "secrets", Namespace: f.configNamespace, Name: name}, noRenewal, "get", "update")...)
	}
	at := f.verdicts()
	return append(all, verbs(permission.Permission{Resource: "configmaps", Namespace: at.Namespace, Name: at.Name}, noVerdicts, "list", "watch", "patch")...)
}

// fleetPermissions returns the permissions for the objects of the fleets of Gateways, which package fleetwriter writes.
func (f *serveFlags) fleetPermissions() (all []permission.Need) {
	namespaces := f.watchNamespaces
	if len(namespaces) == 0 {
		namespaces = []string{""}
	}
	for _, namespace := range namespaces {
		for _, of := range []permission.Permission{
			{Resource: "serviceaccounts"},
			{Resource: "secrets"},
			{Resource: "services"},
			{Group: "apps", Resource: "deployments"},
			{Group: "apps", Resource: "daemonsets"},
			{Group: "policy", Resource: "poddisruptionbudgets"},
		} {
			of.Namespace = namespace
			all = append(all, verbs(of, noFleets, "get", "list", "watch", "create", "patch", "delete")...)
		}
		all = append(all, verbs(permission.Permission{Group: "gateway.networking.k8s.io", Resource: "gateways", Namespace: namespace}, noFleets, "get")...)
	}
	return append(all, verbs(permission.Permission{Group: "gateway.networking.k8s.io", Resource: "gatewayclasses"}, noFleets, "get")...)
}

// objectPermissions returns the permissions for the ContourConfiguration.
func (f *serveFlags) objectPermissions() []permission.Need {
	of := permission.Permission{
		Group: v1alpha1.GroupVersion.Group, Resource: "contourconfigurations", Namespace: f.configNamespace, Name: f.configName,
	}
	all := verbs(of, noObject, "list", "watch")
	of.Subresource = "status"
	return append(all, verbs(of, noObjectState, "patch")...)
}

func (f *serveFlags) namespacesOf(k kind.Descriptor) []string {
	if k.ClusterScoped || len(f.watchNamespaces) == 0 {
		return []string{""}
	}
	return f.watchNamespaces
}

// verdicts returns the name of the ConfigMap in which replicas with the same Lease share what their Envoys reject.
func (f *serveFlags) verdicts() kobj.Name {
	return kobj.Name{Namespace: f.lease.namespace, Name: f.lease.name + "-verdicts"}
}

func verbs(of permission.Permission, effect string, verbs ...string) (all []permission.Need) {
	for _, verb := range verbs {
		of.Verb = verb
		all = append(all, permission.Need{Permission: of, Effect: effect})
	}
	return all
}
