package preview

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/certs"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/store"
)

// Cluster is the objects of a cluster.
type Cluster struct {
	Objects []store.Change
	// NoSecrets is set if the Secrets are unknown: each Secret that an object refers to is assumed to exist, with a certificate.
	NoSecrets bool
	Now       time.Time // the age of objects that are in files only
}

// over returns the changes of the files over the objects of the cluster: the state after they are applied. An object that exists keeps its age,
// which decides between objects that claim the same.
func (c *Cluster) over(files []store.Change) []store.Change {
	all := make(map[kobj.Key]store.Change, len(c.Objects))
	for _, o := range c.Objects {
		all[o.Key] = o
	}
	for _, f := range files {
		created := metav1.NewTime(c.Now)
		if was, ok := all[f.Key]; ok {
			created = was.Object.GetCreationTimestamp()
			f.Object.SetUID(was.Object.GetUID())
		}
		f.Object.SetCreationTimestamp(created)
		all[f.Key] = f
	}
	return slices.SortedFunc(maps.Values(all), func(a, b store.Change) int { return a.Key.Compare(b.Key) })
}

// assumeSecrets returns a Secret for each name that an object refers to and that does not exist.
func (c *Cluster) assumeSecrets(objects []store.Change) ([]store.Change, error) {
	exists, wanted := map[kobj.Key]bool{}, map[kobj.Key]bool{}
	for _, o := range objects {
		exists[o.Key] = true
		if o.Key.Kind == kobj.Secret {
			continue
		}
		if err := referredSecrets(o, wanted); err != nil {
			return nil, err
		}
	}
	maps.DeleteFunc(wanted, func(k kobj.Key, _ bool) bool { return exists[k] })
	if len(wanted) == 0 {
		return nil, nil
	}
	bundle, err := certs.Generate(certs.Options{Namespace: "assumed", LifetimeDays: 365, Now: c.Now})
	if err != nil {
		return nil, fmt.Errorf("assumed certificate: %w", err)
	}
	var out []store.Change
	for _, k := range slices.SortedFunc(maps.Keys(wanted), kobj.Key.Compare) {
		out = append(out, store.Change{Key: k, Object: &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: k.Namespace, Name: k.Name.Name}, Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{corev1.TLSCertKey: bundle.Contour.Cert, corev1.TLSPrivateKeyKey: bundle.Contour.Key, corev1.ServiceAccountRootCAKey: bundle.CA},
		}})
	}
	return out, nil
}

// referredSecrets adds the Secrets that an object refers to, in whatever field: secretName and the like of HTTPProxy, Ingress and ExtensionService, and
// references to certificates of the Gateway API.
func referredSecrets(o store.Change, wanted map[kobj.Key]bool) error {
	text, err := json.Marshal(o.Object)
	if err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	var fields any
	if err := json.Unmarshal(text, &fields); err != nil {
		return fmt.Errorf("%s: %w", o.Key, err)
	}
	add := func(namespace, name string) {
		if of, rest, ok := strings.Cut(name, "/"); ok {
			namespace, name = of, rest
		}
		if name != "" {
			wanted[kobj.Of(kobj.Secret, namespace, name)] = true
		}
	}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				visit(x)
			}
		case map[string]any:
			for name, x := range v {
				switch text, _ := x.(string); name {
				case "secretName", "caSecret":
					add(o.Key.Namespace, text)
				case "certificateRefs":
					eachReference(x, func(namespace, name string) { add(cmp.Or(namespace, o.Key.Namespace), name) })
				}
				visit(x)
			}
		}
	}
	visit(fields)
	return nil
}

// eachReference calls f for each reference of the Gateway API to a Secret.
func eachReference(list any, f func(namespace, name string)) {
	refs, _ := list.([]any)
	for _, x := range refs {
		ref, _ := x.(map[string]any)
		of, _ := ref["kind"].(string)
		name, _ := ref["name"].(string)
		namespace, _ := ref["namespace"].(string)
		if name != "" && (of == "" || of == "Secret") {
			f(namespace, name)
		}
	}
}
