package app

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"contour.example/contour/internal/kind"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/permission"
	"contour.example/contour/internal/preview"
)

// watched returns the kinds that the controller reads.
func (p *preflight) watched() kind.List {
	if p.in == nil {
		return kind.All().Watched(kind.GatewayAPI)
	}
	return p.in.flags.watched()
}

// kinds checks that the API server serves them.
func (p *preflight) kinds(_ context.Context, from *clusterInstallation) error {
	served := map[string]bool{}
	asked := map[string]bool{}
	watched := p.watched()
	for i := range watched {
		k, has := &watched[i], false
		for _, gv := range k.Versions() {
			if !asked[gv.String()] {
				asked[gv.String()] = true
				list, err := from.kube.Discovery().ServerResourcesForGroupVersion(gv.String())
				if err != nil && !apierrors.IsNotFound(err) {
					return fmt.Errorf("kinds of the API server: %w", err)
				}
				for j := range resourcesOf(list) {
					served[gv.String()+"/"+list.APIResources[j].Name] = true
				}
			}
			has = has || served[gv.String()+"/"+k.Resource]
		}
		of := kobj.Of("API", "", string(k.Kind))
		switch {
		case has:
		case k.GroupVersion.Group == "projectcontour.io":
			p.add(preview.Note, of, "", "The API server does not serve %s yet: apply the CustomResourceDefinitions of this version.", k.GroupVersion)
		case k.Need == kind.GatewayAPI && !p.config.Gateways.Enabled || p.in == nil && k.Need == kind.GatewayAPI:
		case k.Need == kind.GatewayAPI:
			p.add(preview.Warning, of, "", "The API server does not serve %s: no objects of this kind are served until the CustomResourceDefinitions of the Gateway API are installed.", k.GroupVersion)
		default:
			p.add(preview.Error, of, "", "The API server does not serve %s: its version is not supported.", k.GroupVersion)
		}
	}
	return nil
}

func resourcesOf(list *metav1.APIResourceList) []metav1.APIResource {
	if list == nil {
		return nil
	}
	return list.APIResources
}

// storedVersions checks that the CustomResourceDefinitions can be replaced: the API server refuses those that lack a version in which objects are stored.
func (p *preflight) storedVersions(ctx context.Context, from *clusterInstallation) error {
	for _, k := range kind.All() {
		if k.GroupVersion.Group != "projectcontour.io" || k.Resource == "" {
			continue
		}
		name := k.Resource + "." + k.GroupVersion.Group
		of := kobj.Of("CustomResourceDefinition", "", name)
		text, err := from.kube.Discovery().RESTClient().Get().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", name).Do(ctx).Raw()
		switch {
		case apierrors.IsNotFound(err):
			continue
		case err != nil:
			if err := p.cannotTell(of, "in which versions objects are stored", err); err != nil {
				return fmt.Errorf("CustomResourceDefinition %s: %w", name, err)
			}
			continue
		}
		var definition struct {
			Status struct {
				StoredVersions []string `json:"storedVersions"`
			} `json:"status"`
		}
		if err := json.Unmarshal(text, &definition); err != nil {
			return fmt.Errorf("CustomResourceDefinition %s: %w", name, err)
		}
		for _, version := range definition.Status.StoredVersions {
			if !slices.ContainsFunc(k.Versions(), func(gv schema.GroupVersion) bool { return gv.Version == version }) {
				p.add(preview.Error, of, "status.storedVersions", "Objects may be stored as %s, which this version does not have: the API server refuses its CustomResourceDefinition until they are migrated and the version is removed here.", version)
			}
		}
	}
	return nil
}

// permissions asks for those of the ServiceAccount that the controller runs as.
func (p *preflight) permissions(ctx context.Context, from *clusterInstallation) error {
	if p.in == nil {
		return nil
	}
	account := "default"
	if p.in.pod.ServiceAccountName != "" {
		account = p.in.pod.ServiceAccountName
	}
	of := kobj.Of("ServiceAccount", p.in.name.Namespace, account)
	needs := p.in.flags.permissions()
	if p.config.Gateways.Provision {
		needs = append(needs, p.in.flags.fleetPermissions()...)
	}
	if p.in.flags.configName != "" {
		needs = append(needs, p.in.flags.objectPermissions()...)
	}
	asked := map[permission.Permission]bool{}
	for _, n := range needs {
		if asked[n.Permission] {
			continue
		}
		asked[n.Permission] = true
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + of.Namespace + ":" + account,
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + of.Namespace, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: n.Namespace, Verb: n.Verb, Group: n.Group, Resource: n.Resource, Subresource: n.Subresource, Name: n.Name,
			},
		}}
		review, err := from.kube.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return p.cannotTell(of, "which permissions it has", err)
		}
		if review.Status.Allowed {
			continue
		}
		severity, where := preview.Warning, ""
		if n.Effect == notServing || n.Effect == noObject {
			severity = preview.Error
		}
		if n.Namespace != "" {
			where = " in namespace " + n.Namespace
		}
		p.add(severity, of, "", "The permission %q%s is missing: %s. The manifests of this version have it.", n.String(), where, n.Effect)
	}
	return nil
}

// expiresSoon is how long before the end of a certificate it is reported.
const expiresSoon = 7 * 24 * time.Hour

// certificates checks those of the Secrets that the controller mounts.
func (p *preflight) certificates(ctx context.Context, from *clusterInstallation) error {
	if p.in == nil {
		return nil
	}
	for i := range p.in.pod.Volumes {
		v := p.in.pod.Volumes[i].Secret
		if v == nil {
			continue
		}
		of := kobj.Of(kobj.Secret, p.in.name.Namespace, v.SecretName)
		secret, err := from.kube.CoreV1().Secrets(of.Namespace).Get(ctx, v.SecretName, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			if v.Optional == nil || !*v.Optional {
				p.add(preview.Error, of, "", "The Secret does not exist: the pods of the controller do not start. contour certgen makes the Secrets of the xDS connection.")
			}
			continue
		case err != nil:
			if err := p.cannotTell(of, "whether its certificates are valid", err); err != nil {
				return fmt.Errorf("%s: %w", of, err)
			}
			continue
		}
		p.expiry(of, secret)
	}
	return nil
}

// expiry checks the times of all certificates of a Secret; nothing else of it is printed.
func (p *preflight) expiry(of kobj.Key, secret *corev1.Secret) {
	for _, key := range []string{corev1.ServiceAccountRootCAKey, corev1.TLSCertKey} {
		for block, rest := pem.Decode(secret.Data[key]); block != nil; block, rest = pem.Decode(rest) {
			c, err := x509.ParseCertificate(block.Bytes)
			switch {
			case err != nil:
				p.add(preview.Error, of, "data."+key, "There is a certificate that cannot be read.")
			case c.NotAfter.Before(p.now):
				p.add(preview.Error, of, "data."+key, "A certificate expired at %s: Envoys and the controller do not connect.", c.NotAfter.UTC().Format(time.RFC3339))
			case c.NotAfter.Before(p.now.Add(expiresSoon)):
				p.add(preview.Warning, of, "data."+key, "A certificate expires at %s.", c.NotAfter.UTC().Format(time.RFC3339))
			}
		}
	}
}

// envoys checks the images of the Envoys of the installation, and those that write their bootstrap files.
func (p *preflight) envoys(ctx context.Context, from *clusterInstallation) error {
	of := kobj.Of("DaemonSet", from.namespace, "")
	options := metav1.ListOptions{LabelSelector: "app=envoy", Limit: maxInstallations}
	sets, err := from.kube.AppsV1().DaemonSets(from.namespace).List(ctx, options)
	if err != nil {
		return p.cannotTell(of, "which versions Envoys have", err)
	}
	for i := range sets.Items {
		of.Name.Name = sets.Items[i].Name
		p.envoyPod(of, &sets.Items[i].Spec.Template.Spec)
	}
	deployments, err := from.kube.AppsV1().Deployments(from.namespace).List(ctx, options)
	of.Kind = "Deployment"
	if err != nil {
		of.Name.Name = ""
		return p.cannotTell(of, "which versions Envoys have", err)
	}
	for i := range deployments.Items {
		of.Name.Name = deployments.Items[i].Name
		p.envoyPod(of, &deployments.Items[i].Spec.Template.Spec)
	}
	return nil
}

// envoyPod checks the containers of an Envoy.
func (p *preflight) envoyPod(of kobj.Key, pod *corev1.PodSpec) {
	tested := versionTag().FindStringSubmatch(defaultEnvoyImage)[1]
	for i := range pod.Containers {
		c := &pod.Containers[i]
		if found := versionTag().FindStringSubmatch(c.Image); strings.Contains(c.Image, "envoy") && found != nil && found[1] != tested {
			p.add(preview.Warning, of, "containers."+c.Name, "The image is of Envoy %s, and this version is tested with Envoy %s: replace it with the Envoys of the manifests.", found[1], tested)
		}
	}
	for i := range pod.InitContainers {
		c := &pod.InitContainers[i]
		if slices.Contains(slices.Concat(c.Command, c.Args), "bootstrap") && p.in != nil && c.Image != p.in.container.Image {
			p.add(preview.Warning, of, "initContainers."+c.Name, "The bootstrap file is written by another image than that of the controller: a controller serves Envoys with the bootstrap file of the version before or after its own, and not with that of another controller.")
		}
	}
}

// versionTag is a version of Envoy in the tag of an image: its first two numbers.
func versionTag() *regexp.Regexp { return regexp.MustCompile(`:v?(\d+\.\d+)\.\d+`) }
