package suite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"

	"contour.example/harness/backend"
	"contour.example/harness/kube"
	"contour.example/harness/pki"
	"contour.example/harness/poll"
)

const (
	// DefaultImage is the echo server of this repository, as `make images` names it.
	DefaultImage = "contour.example/echo:dev"
	// podTimeout is for pods to be ready: a registry may be slow, and many tests start pods at once.
	podTimeout = 3 * time.Minute
	// podInterval is the pause between two observations of pods, which take a second or more to start.
	podInterval = 200 * time.Millisecond
	// backendLabel has the name of the backend of a pod.
	backendLabel = "conformance.contour.example/backend"
	// certificateDir is where the certificate of a pod is mounted.
	certificateDir = "/certificate"
)

// Pods runs backends as pods, which comply with the restricted pod security standard.
type Pods struct {
	Kube *kube.Client
	// Image answers as command echo of the harness does.
	Image string
	// CA signs the certificates of pods with TLS.
	CA *pki.CA
}

// String implements Backends.
func (Pods) String() string { return "pods" }

// Start implements Backends.
func (p Pods) Start(ctx context.Context, b Backend) (Running, error) {
	objects, err := p.objects(b)
	if err != nil {
		return nil, err
	}
	started := &pods{kube: p.Kube, address: fmt.Sprintf("%s.%s.svc.cluster.local:%d", b.Name, b.Namespace, b.Port)}
	if started.objects, err = p.Kube.Apply(ctx, b.Namespace, objects...); err != nil {
		return nil, errors.Join(err, started.Stop(ctx))
	}
	return started, nil
}

// objects are what the pods mount, the pods, since they take longest, and the Service.
func (p Pods) objects(b Backend) ([]*kube.Object, error) {
	var objects []*kube.Object
	if b.TLS != "" {
		pair, err := p.CA.Server(b.TLS)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", b.Name, err)
		}
		secret, err := kube.TLSSecret(b.Namespace, p.secret(b), pair)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", b.Name, err)
		}
		objects = append(objects, secret)
	}
	var typed []any
	for i := range b.Endpoints {
		typed = append(typed, p.pod(b, i))
	}
	for _, t := range append(typed, p.service(b)) {
		o, err := kube.FromTyped(t)
		if err != nil {
			return nil, fmt.Errorf("backend %s: %w", b.Name, err)
		}
		objects = append(objects, o)
	}
	return objects, nil
}

func (Pods) secret(b Backend) string { return b.Name + "-backend" }

func (Pods) service(b Backend) *corev1.Service {
	port := corev1.ServicePort{
		Name: b.PortName, Port: int32(b.Port), Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(b.podPort()),
	}
	if b.AppProtocol != "" {
		port.AppProtocol = &b.AppProtocol
	}
	ports := []corev1.ServicePort{port}
	if b.DeadPort != 0 {
		ports = append(ports, corev1.ServicePort{
			Name: backend.DeadName, Port: int32(b.DeadPort), Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(backend.DeadNumber),
		})
	}
	return &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: b.Namespace, Name: b.Name, Annotations: b.Annotations},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{backendLabel: b.Name}, Ports: ports},
	}
}

// podPort is the port on which command echo serves the protocol of the backend.
func (b Backend) podPort() int32 {
	switch {
	case b.TLS != "" && b.Bytes:
		return 9443
	case b.TLS != "":
		return 8443
	case b.Bytes:
		return 9000
	default:
		return 8080
	}
}

func (p Pods) pod(b Backend, i int) *corev1.Pod {
	no, grace := false, int64(1)
	pod := &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: b.Namespace, Name: b.Name + "-" + strconv.Itoa(i), Labels: map[string]string{backendLabel: b.Name},
		},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: &no, EnableServiceLinks: &no,
			TerminationGracePeriodSeconds: &grace,
			SecurityContext:               restrictedPod(),
			Containers:                    []corev1.Container{p.container(b)},
		},
	}
	if b.TLS == "" {
		return pod
	}
	pod.Spec.Volumes = []corev1.Volume{{
		Name: "certificate", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: p.secret(b)}},
	}}
	c := &pod.Spec.Containers[0]
	c.Args = append(c.Args, "-certificate", certificateDir)
	c.VolumeMounts = []corev1.VolumeMount{{Name: "certificate", MountPath: certificateDir, ReadOnly: true}}
	return pod
}

func (p Pods) container(b Backend) corev1.Container {
	return corev1.Container{
		Name: "echo", Image: p.Image, ImagePullPolicy: corev1.PullIfNotPresent, Args: []string{"-service", b.Name},
		SecurityContext: restrictedContainer(),
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(b.podPort())}},
			PeriodSeconds: 1,
		},
	}
}

func restrictedPod() *corev1.PodSecurityContext {
	nonRoot, nobody := true, int64(65532)
	return &corev1.PodSecurityContext{
		RunAsNonRoot: &nonRoot, RunAsUser: &nobody, RunAsGroup: &nobody, FSGroup: &nobody,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func restrictedContainer() *corev1.SecurityContext {
	yes, no := true, false
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

// pods is one backend that was started.
type pods struct {
	kube    *kube.Client
	address string
	objects []*kube.Object
}

// Address implements Running.
func (p *pods) Address() string { return p.address }

// Ready implements Running.
func (p *pods) Ready(ctx context.Context) error {
	for _, o := range p.objects {
		if o.GetKind() != "Pod" {
			continue
		}
		ref := kube.RefTo(o)
		if err := poll.Until(ctx, podTimeout, ref.String(), func(ctx context.Context) (bool, string, error) {
			return p.observe(ctx, ref)
		}); err != nil {
			return err
		}
	}
	return nil
}

func (p *pods) observe(ctx context.Context, ref kube.Ref) (bool, string, error) {
	o, err := p.kube.Get(ctx, ref)
	if err != nil {
		return false, err.Error(), nil
	}
	ready, saw, err := podReady(o)
	if ready || err != nil {
		return ready, saw, err
	}
	pause := time.NewTimer(podInterval)
	defer pause.Stop()
	select {
	case <-ctx.Done():
	case <-pause.C:
	}
	return false, saw, nil
}

// podReady reports whether the pod is ready, what it waits for, and, as an error, a permanent failure.
func podReady(o *kube.Object) (ready bool, saw string, err error) {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &pod); err != nil {
		return false, "", fmt.Errorf("read: %w", err)
	}
	saw = "phase " + string(pod.Status.Phase)
	for _, c := range pod.Status.ContainerStatuses {
		waits := c.State.Waiting
		if waits == nil {
			continue
		}
		saw = waits.Reason + ": " + waits.Message
		switch waits.Reason {
		case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull":
			return false, saw, fmt.Errorf("the image %s cannot be pulled (%s): load it into the nodes, or name another with -backend-image",
				pod.Spec.Containers[0].Image, saw)
		case "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError":
			return false, saw, fmt.Errorf("the container does not run (%s)", saw)
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return true, "", nil
		}
		if c.Status == corev1.ConditionFalse && c.Type == corev1.PodScheduled {
			saw = c.Reason + ": " + c.Message
		}
	}
	return false, saw, nil
}

// Stop implements Running.
func (p *pods) Stop(ctx context.Context) error {
	if err := remove(ctx, p.kube, p.objects); err != nil {
		return fmt.Errorf("stop backend: %w", err)
	}
	return nil
}
