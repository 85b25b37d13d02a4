package provision

import (
	"cmp"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

const (
	defaultReplicas = 2
	// minReadySeconds is for how long a pod is ready before the next one is replaced: load balancers observe it, as with --check-delay.
	minReadySeconds = 20
)

// workload returns the Deployment or DaemonSet of the pods.
func (b *builder) workload() Object {
	selector := &metav1.LabelSelector{MatchLabels: b.selector()}
	meta := b.meta(b.name(), nil)
	if b.envoy.WorkloadType == contourv1alpha1.WorkloadTypeDeployment {
		d := &appsv1.Deployment{
			TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
			ObjectMeta: meta,
			Spec:       appsv1.DeploymentSpec{Selector: selector, Template: b.template(), MinReadySeconds: minReadySeconds},
		}
		replicas := cmp.Or(b.envoy.Replicas, defaultReplicas) //nolint:staticcheck // deprecated by Contour, and still in use
		d.Spec.Strategy = rollingDeployment()
		if of := b.envoy.Deployment; of != nil {
			replicas = cmp.Or(of.Replicas, replicas)
			if of.Strategy != nil {
				d.Spec.Strategy = *of.Strategy
			}
		}
		d.Spec.Replicas = &replicas
		return d
	}
	d := &appsv1.DaemonSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "DaemonSet"},
		ObjectMeta: meta,
		Spec:       appsv1.DaemonSetSpec{Selector: selector, Template: b.template(), MinReadySeconds: minReadySeconds, UpdateStrategy: rollingDaemonSet()},
	}
	if of := b.envoy.DaemonSet; of != nil && of.UpdateStrategy != nil {
		d.Spec.UpdateStrategy = *of.UpdateStrategy
	}
	return d
}

// rollingDeployment is the strategy of Contour, that starts pods before it ends others.
func rollingDeployment() appsv1.DeploymentStrategy {
	surge, none := intstr.FromString("10%"), intstr.FromInt32(0)
	return appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &none},
	}
}

// rollingDaemonSet is a strategy that starts the pod of a node before it ends the former one, which the pods permit, since they have no ports
// of the node. Contour's ends the former one first, so that a node, or a cluster with one node, has none meanwhile.
func rollingDaemonSet() appsv1.DaemonSetUpdateStrategy {
	surge, none := intstr.FromString("10%"), intstr.FromInt32(0)
	return appsv1.DaemonSetUpdateStrategy{
		Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: &surge, MaxUnavailable: &none},
	}
}

func (b *builder) disruptionBudget() Object {
	one, always := intstr.FromInt32(1), policyv1.AlwaysAllow
	return &policyv1.PodDisruptionBudget{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy/v1", Kind: "PodDisruptionBudget"},
		ObjectMeta: b.meta(b.name(), nil),
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: &one, UnhealthyPodEvictionPolicy: &always, Selector: &metav1.LabelSelector{MatchLabels: b.selector()},
		},
	}
}

// template returns the pods. Nothing in it depends on the listeners, so that an edit of those replaces no pod.
func (b *builder) template() corev1.PodTemplateSpec {
	user, grace, no, yes := int64(65532), int64(300), false, true
	p := corev1.PodSpec{
		ServiceAccountName: b.name(), AutomountServiceAccountToken: &no,
		TerminationGracePeriodSeconds: &grace, // more than `contour envoy shutdown --timeout`
		SecurityContext: &corev1.PodSecurityContext{ // one user for all containers: they share the socket of the admin endpoint
			RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			// Envoy listens on the ports of the listeners, without a capability.
			Sysctls: []corev1.Sysctl{{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}},
		},
		InitContainers: []corev1.Container{b.bootstrap()},
		Containers:     []corev1.Container{b.proxy(), b.shutdownManager()},
		Volumes: append([]corev1.Volume{
			{Name: adminVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: configVolume, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: certVolume, VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: b.fleet.CertificateName()}}},
		}, b.envoy.ExtraVolumes...),
	}
	if n := b.envoy.NodePlacement; n != nil {
		p.NodeSelector, p.Tolerations = n.NodeSelector, n.Tolerations
	}
	if b.envoy.WorkloadType == contourv1alpha1.WorkloadTypeDeployment {
		for _, key := range []string{"kubernetes.io/hostname", "topology.kubernetes.io/zone"} {
			p.TopologySpreadConstraints = append(p.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
				MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: &metav1.LabelSelector{MatchLabels: b.selector()},
			})
		}
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{
		Labels: union(b.labels(), b.selector()),
		Annotations: b.annotations(union(map[string]string{
			"prometheus.io/scrape": "true", "prometheus.io/port": portText(StatsPort), "prometheus.io/path": "/stats/prometheus",
		}, b.envoy.PodAnnotations)),
	}, Spec: p}
}
