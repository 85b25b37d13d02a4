package provision

import (
	"cmp"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

// The volumes of a pod.
const (
	adminVolume  = "envoy-admin"
	configVolume = "envoy-config"
	certVolume   = "envoycert"
)

// defaultMaxConnections bounds the connections of clients of an Envoy.
const defaultMaxConnections = 20000

func portText(port int) string { return strconv.Itoa(port) }

// locked is the security context of all containers.
func locked() *corev1.SecurityContext {
	no, yes := false, true
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// small is the resources of containers beside Envoy.
func small() corev1.ResourceRequirements {
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
	}
}

func (b *builder) pullPolicy() corev1.PullPolicy {
	return cmp.Or(b.options.PullPolicy, corev1.PullIfNotPresent)
}

// bootstrap returns the container that writes the bootstrap file of Envoy.
func (b *builder) bootstrap() corev1.Container {
	c := corev1.Container{
		Name: "envoy-initconfig", Image: b.options.ContourImage, ImagePullPolicy: b.pullPolicy(), Command: []string{"contour"},
		Args: []string{
			"bootstrap", "/config/envoy.json",
			"--xds-address=" + b.options.XDSAddress, "--xds-port=" + strconv.FormatUint(uint64(b.options.XDSPort), 10),
			"--namespace=" + b.options.Namespace, "--fleet=" + b.fleet.Name(),
			"--resources-dir=/config/resources", "--envoy-cafile=/certs/ca.crt", "--envoy-cert-file=/certs/tls.crt", "--envoy-key-file=/certs/tls.key",
			"--overload-downstream-max-conn=" + strconv.FormatInt(cmp.Or(b.envoy.OverloadMaxDownstreamConnections, defaultMaxConnections), 10),
		},
		Resources: small(), SecurityContext: locked(),
		VolumeMounts: []corev1.VolumeMount{{Name: configVolume, MountPath: "/config"}},
	}
	if heap := b.maxHeap(); heap > 0 {
		c.Args = append(c.Args, "--overload-max-heap="+strconv.FormatUint(heap, 10))
	}
	return c
}

// resources returns the resources of Envoy: those of the parameters, or those of the manifests.
func (b *builder) resources() corev1.ResourceRequirements {
	r := b.envoy.Resources
	if len(r.Requests) > 0 || len(r.Limits) > 0 || len(r.Claims) > 0 {
		return r
	}
	return corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("200m"), corev1.ResourceMemory: resource.MustParse("256Mi")},
		Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("2560Mi")},
	}
}

// maxHeap returns the heap in bytes near which Envoy rejects requests: that of the parameters, or 80 % of the limit of memory; 0 without any.
func (b *builder) maxHeap() uint64 {
	if b.envoy.OverloadMaxHeapSize > 0 {
		return b.envoy.OverloadMaxHeapSize
	}
	limit := b.resources().Limits[corev1.ResourceMemory]
	if limit.Value() <= 0 {
		return 0
	}
	return uint64(limit.Value()) / 5 * 4
}

// proxy returns the container of Envoy.
func (b *builder) proxy() corev1.Container {
	c := corev1.Container{
		Name: "envoy", Image: b.options.EnvoyImage, ImagePullPolicy: b.pullPolicy(), Command: []string{"envoy"},
		Args: []string{
			"-c", "/config/envoy.json", "--service-cluster", b.fleet.Gateway.Namespace, "--service-node", "$(ENVOY_POD_NAME)",
			"--disable-hot-restart", "--drain-time-s", strconv.Itoa(b.options.DrainSeconds),
			"--log-level", string(cmp.Or(b.envoy.LogLevel, contourv1alpha1.InfoLog)),
		},
		Env: []corev1.EnvVar{{
			Name: "ENVOY_POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}},
		}},
		Ports: []corev1.ContainerPort{{Name: "metrics", Protocol: corev1.ProtocolTCP, ContainerPort: StatsPort}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(StatsPort)}},
			InitialDelaySeconds: 3, PeriodSeconds: 4,
		},
		Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{ // returns when Envoy is drained
			HTTPGet: &corev1.HTTPGetAction{Path: "/shutdown", Port: intstr.FromInt32(shutdownPort)},
		}},
		Resources: b.resources(), SecurityContext: locked(),
		VolumeMounts: append([]corev1.VolumeMount{
			{Name: configVolume, MountPath: "/config", ReadOnly: true},
			{Name: certVolume, MountPath: "/certs", ReadOnly: true},
			{Name: adminVolume, MountPath: "/admin"},
		}, b.envoy.ExtraVolumeMounts...),
	}
	if id := b.envoy.BaseID; id > 0 {
		c.Args = append(c.Args, "--base-id", strconv.FormatInt(int64(id), 10))
	}
	return c
}

// shutdownManager returns the container that drains Envoy before the pod ends. It has no liveness probe: a restart would run the hook, which
// drains an Envoy that is not terminating.
func (b *builder) shutdownManager() corev1.Container {
	return corev1.Container{
		Name: "shutdown-manager", Image: b.options.ContourImage, ImagePullPolicy: b.pullPolicy(), Command: []string{"contour"},
		Args: []string{"envoy", "shutdown-manager", "--serve-port=" + portText(shutdownPort)},
		// The delay allows load balancers to observe that the pod is not ready.
		Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{
			Command: []string{"contour", "envoy", "shutdown", "--check-delay=20s", "--timeout=280s"},
		}}},
		Resources: small(), SecurityContext: locked(),
		VolumeMounts: []corev1.VolumeMount{{Name: adminVolume, MountPath: "/admin"}},
	}
}
