package ref

import (
	"reflect"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
)

// delegations is the namespaces that may use each Secret of a namespace, by the name of the Secret. It is derived once for a
// namespace, so that the size of the delegations does not count for each reference.
type delegations map[string]targets

// targets is namespaces; all stands for every one.
type targets struct {
	all   bool
	named map[string]bool
}

func (x *Resolver) addDelegations(e *memo.Engine) {
	x.delegations = memo.NewTable(e, memo.Options[string, delegations]{
		Name: "ref/delegations", Derive: x.deriveDelegations,
		Equal: func(a, b delegations) bool { return reflect.DeepEqual(a, b) },
	})
}

// deriveDelegations reads all delegations of a namespace. A "*" counts only as the sole target, as in kind.Delegates.
func (x *Resolver) deriveDelegations(r *memo.Reader, namespace string) delegations {
	out := delegations{}
	for _, d := range x.store.DelegationsIn(r, namespace) {
		for _, c := range d.Spec.Delegations {
			to := out[c.SecretName]
			if len(c.TargetNamespaces) == 1 && c.TargetNamespaces[0] == "*" {
				to.all = true
			}
			if to.named == nil {
				to.named = make(map[string]bool, len(c.TargetNamespaces))
			}
			for _, n := range c.TargetNamespaces {
				to.named[n] = true
			}
			out[c.SecretName] = to
		}
	}
	return out
}

// delegated reports whether objects in the namespace may use the Secret.
func (x *Resolver) delegated(r *memo.Reader, secret kobj.Name, to string) bool {
	if secret.Namespace == to {
		return true
	}
	by := x.delegations.Get(r, secret.Namespace)[secret.Name]
	return by.all || by.named[to]
}
