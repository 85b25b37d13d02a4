package settings

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
)

// Document is a configuration as an operator wrote it.
type Document struct {
	name string // of the file or object
	file bool
	spec v1alpha1.ContourConfigurationSpec
	own  ownKeys
	set  map[string]int // what is set, by field (key of the file if it has none), with its line
}

// ownKeys is the settings that the file has and the object has not.
type ownKeys struct {
	Debug      *bool    `json:"debug"`
	InCluster  *bool    `json:"incluster"`
	Kubeconfig *string  `json:"kubeconfig"`
	QPS        *float32 `json:"kubernetesClientQPS"`
	Burst      *int     `json:"kubernetesClientBurst"`
	Server     struct{} `json:"server"`

	Edge      edge          `json:"edge"`
	Isolation isolation     `json:"isolation"`
	Budgets   budgetSection `json:"budgets"`
}

// Problem is an error in a Document.
type Problem struct {
	Where   string // file:line, or the name of the object; "" for an error that is in no Document
	Key     string // of the file, or field of the object; may be ""
	Message string // a sentence
}

// Error is "where: key: message".
func (p Problem) Error() string {
	if p.Where == "" {
		return p.Message
	}
	if p.Key == "" {
		return p.Where + ": " + p.Message
	}
	return p.Where + ": " + p.Key + ": " + p.Message
}

// Object reads the spec of a ContourConfiguration.
func Object(name string, spec v1alpha1.ContourConfigurationSpec) Document {
	d := Document{name: name, spec: spec, set: map[string]int{}}
	visitSet(reflect.ValueOf(spec), "", func(path string) { d.set[path] = 0 })
	return d
}

// Empty is a Document in which nothing is set, in place of a file that is not given.
func Empty() Document { return Document{file: true} }

// IsFile reports whether it is a file, or Empty, and not an object.
func (d Document) IsFile() bool { return d.file }

// Sets reports whether a field is set.
func (d Document) Sets(field string) bool { _, ok := d.set[field]; return ok }

// Names returns the names of the settings that are set, sorted, without their values.
func (d Document) Names() []string { return slices.Sorted(maps.Keys(d.set)) }

// problem reports an error in a field, or in the object that contains it if the field is not set.
func (d Document) problem(field, format string, a ...any) Problem {
	k, p := field, Problem{Where: d.name, Key: field, Message: fmt.Sprintf(format, a...)}
	if !d.file {
		p.Key = "spec." + field
		return p
	}
	if line, ok := d.set[k]; ok && line > 0 {
		p.Where = fmt.Sprintf("%s:%d", d.name, line)
	}
	if known, ok := lookup(field); ok && known.file != "" {
		p.Key = known.file
	}
	return p
}

// lookup finds the key of a field, or of the nearest field that contains it.
func lookup(field string) (key, bool) {
	var best key
	for _, k := range keys() {
		if k.field != "" && (k.field == field || strings.HasPrefix(field, k.field+".")) && len(k.field) > len(best.field) {
			best = k
		}
	}
	return best, best.field != ""
}

// Ignored is the settings that have no effect, as the Document names them.
func (d Document) Ignored() []Problem {
	var out []Problem
	for field := range d.set {
		k, ok := lookup(field)
		if ok && k.effect == ignored && !d.isDefault(field, k) && (k.with == "" || d.Sets(k.with)) {
			out = append(out, d.problem(field, "This setting has no effect in this version: %s.", k.reason))
		}
	}
	slices.SortFunc(out, func(a, b Problem) int { return strings.Compare(a.Key, b.Key) })
	return slices.CompactFunc(out, func(a, b Problem) bool { return a.Key == b.Key })
}

// isDefault reports whether a field is set to what is its default.
func (d Document) isDefault(field string, k key) bool {
	v, ok := fieldAt(reflect.ValueOf(&d.spec).Elem(), field)
	for ok && v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	return ok && k.value != "" && fmt.Sprint(v.Interface()) == k.value
}

// IgnoredNames is the name of every setting that Ignored may return: in the file, or in the object.
func IgnoredNames() []string {
	var names []string
	for _, k := range keys() {
		if k.effect == ignored {
			names = append(names, k.file, "spec."+k.field)
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
}

// RestartRequired names the settings that differ between two configurations and are read at start-up only.
func RestartRequired(running, wanted config.Config) []string {
	var out []string
	for _, row := range []struct {
		name string
		same bool
	}{
		{"xDS server", running.Process.Server == wanted.Process.Server},
		{"address of the health endpoint", running.Process.Health == wanted.Process.Health},
		{"address of the metrics endpoint", running.Process.Metrics == wanted.Process.Metrics},
		{"TLS of the metrics endpoint", running.Process.MetricsTLS == wanted.Process.MetricsTLS},
		{"address of the debug endpoint", running.Process.Debug == wanted.Process.Debug},
		{"connection to the API server", running.Process.API == wanted.Process.API},
		{"Gateway API", running.Gateways.Enabled == wanted.Gateways.Enabled},
		{"provisioner", running.Gateways.Provision == wanted.Gateways.Provision},
		{"drain time of Envoys", running.XDS.DrainTime == wanted.XDS.DrainTime},
	} {
		if !row.same {
			out = append(out, row.name)
		}
	}
	return out
}
