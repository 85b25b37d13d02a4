package provision

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	contourv1alpha1 "contour.example/contour/api/projectcontour/v1alpha1"
)

// Parameters is what the ContourDeployments of a class and of a Gateway say about the Envoys of the Gateway.
type Parameters struct {
	Envoy  contourv1alpha1.EnvoySettings
	Labels map[string]string // of all objects (spec.resourceLabels)
}

// ParametersOf returns the parameters of a ContourDeployment. It shares its maps and slices.
func ParametersOf(d *contourv1alpha1.ContourDeployment) Parameters {
	p := Parameters{Labels: d.Spec.ResourceLabels} //nolint:staticcheck // deprecated by Contour, and still in use
	if d.Spec.Envoy != nil {
		p.Envoy = *d.Spec.Envoy
	}
	return p
}

// Override returns the parameters with the fields that are set in o. Maps are merged by key, and lists are replaced. An error is that
// the fields cannot be converted, which no object of the API server causes.
func (p Parameters) Override(o Parameters) (Parameters, error) {
	base, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&p.Envoy)
	if err != nil {
		return p, fmt.Errorf("parameters: %w", err)
	}
	set, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&o.Envoy)
	if err != nil {
		return p, fmt.Errorf("parameters: %w", err)
	}
	var out Parameters
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(merged(base, set), &out.Envoy); err != nil {
		return p, fmt.Errorf("parameters: %w", err)
	}
	out.Labels = union(p.Labels, o.Labels)
	return out, nil
}

// merged returns the fields of both, those of set where they differ.
func merged(base, set map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range base {
		out[k] = v
	}
	for k, v := range set {
		a, isA := out[k].(map[string]any)
		b, isB := v.(map[string]any)
		if isA && isB {
			v = merged(a, b)
		}
		out[k] = v
	}
	return out
}

// union returns the entries of all maps; later ones take precedence. It is nil if there are none.
func union(all ...map[string]string) map[string]string {
	var out map[string]string
	for _, m := range all {
		for k, v := range m {
			if out == nil {
				out = map[string]string{}
			}
			out[k] = v
		}
	}
	return out
}

// Problem returns what is wrong with the parameters of a ContourDeployment, as a sentence; "" if nothing is. Those of a Gateway are written by
// the owner of a namespace, who may have fewer permissions than the controller: their volumes are of the namespace.
func Problem(d *contourv1alpha1.ContourDeployment, ofGateway bool) string {
	if c := d.Spec.Contour; c != nil {
		if p := oneOf("spec.contour.logLevel", c.LogLevel, contourv1alpha1.InfoLog, contourv1alpha1.DebugLog); p != "" {
			return p
		}
	}
	e := d.Spec.Envoy
	if e == nil {
		return ""
	}
	problems := []string{
		oneOf("spec.envoy.workloadType", e.WorkloadType, contourv1alpha1.WorkloadTypeDaemonSet, contourv1alpha1.WorkloadTypeDeployment),
		oneOf("spec.envoy.logLevel", e.LogLevel, contourv1alpha1.TraceLog, contourv1alpha1.DebugLog, contourv1alpha1.InfoLog, contourv1alpha1.WarnLog,
			contourv1alpha1.ErrorLog, contourv1alpha1.CriticalLog, contourv1alpha1.OffLog),
	}
	if n := e.NetworkPublishing; n != nil {
		problems = append(
			problems,
			oneOf("spec.envoy.networkPublishing.type", n.Type, contourv1alpha1.LoadBalancerServicePublishingType,
				contourv1alpha1.NodePortServicePublishingType, contourv1alpha1.ClusterIPServicePublishingType),
			oneOf("spec.envoy.networkPublishing.externalTrafficPolicy", n.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal),
			oneOf("spec.envoy.networkPublishing.ipFamilyPolicy", n.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack),
		)
	}
	problems = append(problems, volumeProblem(e, ofGateway))
	i := slices.IndexFunc(problems, func(p string) bool { return p != "" })
	if i < 0 {
		return ""
	}
	return problems[i]
}

// oneOf returns what is wrong with a value that is not empty and none of those allowed.
func oneOf[T ~string](field string, value T, allowed ...T) string {
	if value == "" || slices.Contains(allowed, value) {
		return ""
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return fmt.Sprintf("%s, %q, is not one of %s.", field, short(string(value)), strings.Join(names, ", "))
}

// short bounds the part of a message that is a value.
func short(s string) string {
	const most = 64
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// maxVolumes bounds the volumes of the parameters.
const maxVolumes = 64

// ownVolumes is the names of the volumes that every pod has.
func ownVolumes() []string { return []string{adminVolume, configVolume, certVolume} }

// harmless reports whether a volume at the path replaces neither what Envoy runs nor what it is configured with: a user who can write parameters of
// a Gateway need not be allowed to run programs.
func harmless(mountPath string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+mountPath), "/"), "/")
	reserved := []string{"", "admin", "config", "certs", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "etc", "proc", "sys", "dev"}
	return !slices.Contains(reserved, first)
}

func volumeProblem(e *contourv1alpha1.EnvoySettings, ofGateway bool) string {
	if len(e.ExtraVolumes) > maxVolumes || len(e.ExtraVolumeMounts) > maxVolumes {
		return fmt.Sprintf("spec.envoy has more than %d volumes or volume mounts.", maxVolumes)
	}
	for i := range e.ExtraVolumes {
		v := &e.ExtraVolumes[i]
		switch s := v.VolumeSource; {
		case slices.Contains(ownVolumes(), v.Name):
			return fmt.Sprintf("spec.envoy.extraVolumes[%d] has the name of a volume of the pods, %q.", i, v.Name)
		case ofGateway && s.Secret == nil && s.ConfigMap == nil && s.EmptyDir == nil && s.DownwardAPI == nil:
			return fmt.Sprintf("spec.envoy.extraVolumes[%d] is not a Secret, a ConfigMap, an emptyDir or of the downward API; other volumes are parameters of a GatewayClass only.", i)
		}
	}
	return mountProblem(e, ofGateway)
}

func mountProblem(e *contourv1alpha1.EnvoySettings, ofGateway bool) string {
	for i := range e.ExtraVolumeMounts {
		m := &e.ExtraVolumeMounts[i]
		switch {
		case ofGateway && !harmless(m.MountPath):
			return fmt.Sprintf("spec.envoy.extraVolumeMounts[%d] hides files of the pods or of the image at %q; such mounts are parameters of a GatewayClass only.", i, short(m.MountPath))
		case slices.Contains(ownVolumes(), m.Name) || hidesOwnVolume(m.MountPath):
			return fmt.Sprintf("spec.envoy.extraVolumeMounts[%d] is of a volume or at a path that the pods use, %q.", i, short(m.MountPath))
		case ofGateway && !slices.ContainsFunc(e.ExtraVolumes, func(v corev1.Volume) bool { return v.Name == m.Name }):
			// The class may have volumes that a Gateway may not have, and mount them at a place of its choice.
			return fmt.Sprintf("spec.envoy.extraVolumeMounts[%d] is of volume %q, which is not one of spec.envoy.extraVolumes; the volumes of a GatewayClass cannot be mounted by a Gateway.", i, short(m.Name))
		}
	}
	return ""
}

// hidesOwnVolume reports whether what is mounted at a path, in any spelling, is in the place of a volume of the pods, or of a part of one.
func hidesOwnVolume(mount string) bool {
	mount = path.Join("/", mount)
	return mount == "/" || slices.ContainsFunc([]string{"/admin", "/config", "/certs"}, func(own string) bool {
		return mount == own || strings.HasPrefix(mount, own+"/")
	})
}
