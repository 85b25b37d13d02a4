package kubelet

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
)

// writeVolumes writes the volumes that a container mounts into its root. Later changes of Secrets and ConfigMaps do not reach it.
func (k *Kubelet) writeVolumes(p *corev1.Pod, of corev1.Container, root string) error {
	volumes := map[string]corev1.VolumeSource{}
	for _, v := range p.Spec.Volumes {
		volumes[v.Name] = v.VolumeSource
	}
	for _, m := range of.VolumeMounts {
		files, err := k.volumeFiles(p.Namespace, volumes[m.Name])
		if err != nil {
			return fmt.Errorf("volume %s: %w", m.Name, err)
		}
		dir := filepath.Join(root, filepath.Join("/", m.MountPath))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("volume %s: %w", m.Name, err)
		}
		for name, content := range files {
			path := filepath.Join(dir, filepath.Join("/", name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("volume %s: %w", m.Name, err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				return fmt.Errorf("volume %s: %w", m.Name, err)
			}
		}
	}
	return nil
}

// volumeFiles returns the content of a volume, by path.
func (k *Kubelet) volumeFiles(namespace string, v corev1.VolumeSource) (map[string][]byte, error) {
	switch {
	case v.EmptyDir != nil:
		return nil, nil
	case v.Secret != nil:
		s, err := k.secrets.Secrets(namespace).Get(v.Secret.SecretName)
		if err != nil {
			return nil, err
		}
		return items(s.Data, v.Secret.Items)
	case v.ConfigMap != nil:
		c, err := k.configMaps.ConfigMaps(namespace).Get(v.ConfigMap.Name)
		if err != nil {
			return nil, err
		}
		data := maps.Clone(c.BinaryData)
		if data == nil {
			data = map[string][]byte{}
		}
		for key, value := range c.Data {
			data[key] = []byte(value)
		}
		return items(data, v.ConfigMap.Items)
	default:
		return nil, fmt.Errorf("only emptyDir, Secrets and ConfigMaps are supported")
	}
}

func items(data map[string][]byte, chosen []corev1.KeyToPath) (map[string][]byte, error) {
	if chosen == nil {
		return data, nil
	}
	files := map[string][]byte{}
	for _, i := range chosen {
		content, ok := data[i.Key]
		if !ok {
			return nil, fmt.Errorf("there is no key %s", i.Key)
		}
		files[i.Path] = content
	}
	return files, nil
}
