// Package api_test compares the generated CustomResourceDefinitions with
// Contour's, which are tables in testdata: crd-kinds.tsv with a row per kind
// and crd-schema.tsv with a row per field. A CRD is turned into the same rows
// and every difference that could break a manifest or a client is a failure.
package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const (
	crdDir    = "../../manifests/crds"
	schemaTSV = "testdata/crd-schema.tsv"
	kindsTSV  = "testdata/crd-kinds.tsv"
)

// added lists what the CRDs have beyond crd-schema.tsv, "Kind path" of a field
// or "Kind path: keyword=value" of a validation, with the reason.
func added() map[string]string {
	const volume = "a field of Volume or VolumeMount since the version of Kubernetes that the table is from"
	const port = "port 65536 was never valid; the table leaves this keyword out"
	out := map[string]string{
		"ExtensionService spec.services[].port: exclusiveMaximum=true":   port,
		"HTTPProxy spec.routes[].services[].port: exclusiveMaximum=true": port,
		"HTTPProxy spec.tcpproxy.services[].port: exclusiveMaximum=true": port,

		"ContourDeployment spec.envoy.extraVolumeMounts[].bindMountOptions": volume,
	}
	for _, path := range []string{
		"configMap.defaultUser",
		"configMap.items[].user",
		"downwardAPI.defaultUser",
		"downwardAPI.items[].user",
		"emptyDir.mode",
		"projected.defaultUser",
		"projected.sources[].clusterTrustBundle.user",
		"projected.sources[].configMap.items[].user",
		"projected.sources[].downwardAPI.items[].user",
		"projected.sources[].podCertificate.user",
		"projected.sources[].secret.items[].user",
		"projected.sources[].serviceAccountToken.user",
		"secret.defaultUser",
		"secret.items[].user",
	} {
		out["ContourDeployment spec.envoy.extraVolumes[]."+path] = volume
	}
	return out
}

// field is a row of crd-schema.tsv without its key.
type field struct {
	Type       string   // object, string, []string, map[string], any, ...
	Required   bool     // by its parent
	Validation []string // keyword=value, sorted
}

// TestFields shows that each field of Contour's CRDs exists with the same
// type and validation, and that all other fields are known.
func TestFields(t *testing.T) {
	want := readFields(t)
	got := map[string]field{}
	for kind, crd := range readCRDs(t) {
		version := crd["spec"].(object)["versions"].([]any)[0].(object)
		root := version["schema"].(object)["openAPIV3Schema"].(object)
		for _, part := range []string{"spec", "status"} {
			addField(got, kind+" "+part, root["properties"].(object)[part].(object), requires(root, part))
		}
	}

	extra := added()
	for _, difference := range compare(want, got) {
		key, isAddition := strings.CutPrefix(difference, "added ")
		if _, known := extra[key]; known && isAddition {
			delete(extra, key)
			continue
		}
		t.Error(difference)
	}
	for key, reason := range extra {
		t.Errorf("listed as added (%s) but missing: %s", reason, key)
	}
}

// TestCompare shows that compare sees each kind of difference.
func TestCompare(t *testing.T) {
	want := map[string]field{"K spec.a": {Type: "string", Required: true, Validation: []string{"maxLength=3", "minLength=1"}}}
	for name, test := range map[string]struct {
		got  map[string]field
		want []string
	}{
		"same":    {want, nil},
		"missing": {map[string]field{}, []string{"missing K spec.a"}},
		"other type": {
			map[string]field{"K spec.a": {Type: "integer", Required: true, Validation: want["K spec.a"].Validation}},
			[]string{"K spec.a: type integer, want string"},
		},
		"optional": {
			map[string]field{"K spec.a": {Type: "string", Validation: want["K spec.a"].Validation}},
			[]string{"K spec.a: required false, want true"},
		},
		"validation changed": {
			map[string]field{"K spec.a": {Type: "string", Required: true, Validation: []string{"maxLength=2", "minLength=1"}}},
			[]string{"added K spec.a: maxLength=2", "missing K spec.a: maxLength=3"},
		},
		"field added": {
			map[string]field{"K spec.a": want["K spec.a"], "K spec.b": {Type: "string"}},
			[]string{"added K spec.b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, compare(want, test.got)); diff != "" {
				t.Errorf("differences (-want +got):\n%s", diff)
			}
		})
	}
}

// compare lists what got lacks, has beyond, or has differently, sorted.
func compare(want, got map[string]field) []string {
	var out []string
	for key, w := range want {
		g, ok := got[key]
		if !ok {
			out = append(out, "missing "+key)
			continue
		}
		if g.Type != w.Type {
			out = append(out, fmt.Sprintf("%s: type %s, want %s", key, g.Type, w.Type))
		}
		if g.Required != w.Required {
			out = append(out, fmt.Sprintf("%s: required %t, want %t", key, g.Required, w.Required))
		}
		out = append(out, beyond("missing "+key+": ", w.Validation, g.Validation)...)
		out = append(out, beyond("added "+key+": ", g.Validation, w.Validation)...)
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			out = append(out, "added "+key)
		}
	}
	slices.Sort(out)
	return out
}

// beyond lists the elements of a that b lacks, each with the prefix.
func beyond(prefix string, a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, prefix+s)
		}
	}
	return out
}

// kind is a row of crd-kinds.tsv.
type kind struct {
	Kind, Group, Version, Plural, ShortNames, Scope, Served, Storage string

	Subresources, PrinterColumns string // JSON
}

// TestKinds shows that names, scope, subresources and printer columns are those
// of Contour's CRDs.
func TestKinds(t *testing.T) {
	var want, got []kind
	for _, row := range readTSV(t, kindsTSV, 10) {
		want = append(want, kind{row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], compact(t, row[8]), compact(t, row[9])})
	}
	crds := readCRDs(t)
	for _, name := range slices.Sorted(maps.Keys(crds)) {
		got = append(got, kindOf(t, crds[name]["spec"].(object)))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
}

func kindOf(t *testing.T, spec object) kind {
	names, version := spec["names"].(object), spec["versions"].([]any)[0].(object)
	k := kind{
		Kind:         names["kind"].(string),
		Group:        spec["group"].(string),
		Version:      version["name"].(string),
		Plural:       names["plural"].(string),
		ShortNames:   strings.Trim(fmt.Sprint(names["shortNames"]), "[]"),
		Scope:        spec["scope"].(string),
		Subresources: encode(version["subresources"]),
	}
	k.ShortNames = strings.ReplaceAll(k.ShortNames, " ", ",")
	if version["served"] == true {
		k.Served = "served"
	}
	if version["storage"] == true {
		k.Storage = "storage"
	}
	columns := []object{}
	for _, c := range items(version["additionalPrinterColumns"]) {
		columns = append(columns, object{"name": c["name"], "jsonPath": c["jsonPath"], "type": c["type"]})
	}
	k.PrinterColumns = compact(t, encode(columns))
	return k
}

type object = map[string]any

func items(list any) []object {
	var out []object
	elements, _ := list.([]any)
	for _, e := range elements {
		out = append(out, e.(object))
	}
	return out
}

func requires(schema object, property string) bool {
	required, _ := schema["required"].([]any)
	return slices.Contains(required, any(property))
}

// addField adds the rows of a schema node and of all below it.
func addField(rows map[string]field, key string, schema object, required bool) {
	f := field{Type: typeOf(schema), Required: required, Validation: validations("", schema)}
	below, prefix := schema, key+"."
	if element, ok := schema["items"].(object); ok {
		f.Validation = append(f.Validation, validations("items.", element)...)
		below, prefix = element, key+"[]."
	}
	slices.Sort(f.Validation)
	rows[key] = f
	properties, _ := below["properties"].(object)
	for name, property := range properties {
		addField(rows, prefix+name, property.(object), requires(below, name))
	}
}

// typeOf names the type of a schema node; any stands for one without a type,
// such as an int-or-string.
func typeOf(schema object) string {
	if element, ok := schema["items"].(object); ok {
		return "[]" + typeOf(element)
	}
	if value, ok := schema["additionalProperties"].(object); ok {
		return "map[" + typeOf(value) + "]"
	}
	if name, ok := schema["type"].(string); ok {
		return name
	}
	return "any"
}

// validations returns every keyword of a schema node, except those that typeOf
// and addField treat, as prefix+keyword=value.
func validations(prefix string, schema object) []string {
	var out []string
	for keyword, value := range schema {
		switch keyword {
		case "type", "description", "properties", "required", "items", "additionalProperties":
		case "anyOf":
			// Only ever integer or string: x-kubernetes-int-or-string is set as well.
		case "x-kubernetes-validations":
			for _, rule := range items(value) {
				out = append(out, prefix+"cel="+rule["rule"].(string))
			}
		default:
			out = append(out, prefix+keyword+"="+encode(value))
		}
	}
	return out
}

// encode returns v as compact JSON in which only what JSON demands is escaped.
func encode(v any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(out.String())
}

// compact returns JSON in the form of encode, with sorted keys.
func compact(t *testing.T, text string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("parse %s: %v", text, err)
	}
	return encode(v)
}

// readFields returns the rows of crd-schema.tsv by "Kind path".
func readFields(t *testing.T) map[string]field {
	t.Helper()
	out := map[string]field{}
	for _, row := range readTSV(t, schemaTSV, 5) {
		f := field{Type: row[2], Required: row[3] == "required"}
		for part := range strings.SplitSeq(row[4], "; ") {
			keyword, value, _ := strings.Cut(part, "=")
			switch {
			case part == "":
			case strings.HasSuffix(keyword, "cel"):
				f.Validation = append(f.Validation, part)
			default:
				f.Validation = append(f.Validation, keyword+"="+compact(t, value))
			}
		}
		slices.Sort(f.Validation)
		out[row[0]+" "+row[1]] = f
	}
	return out
}

// readTSV returns the rows below the heading, each with the number of columns.
func readTSV(t *testing.T, path string, columns int) [][]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(content), "\n"), "\n")
	var out [][]string
	for i, line := range lines[1:] {
		row := strings.Split(line, "\t")
		if len(row) != columns {
			t.Fatalf("%s:%d: %d columns, want %d", path, i+2, len(row), columns)
		}
		out = append(out, row)
	}
	return out
}

// readCRDs returns the generated CRDs by kind.
func readCRDs(t *testing.T) map[string]object {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(crdDir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in %s: %v", crdDir, err)
	}
	out := map[string]object{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd object
		if err := yaml.Unmarshal(content, &crd); err != nil {
			t.Fatalf("parse %s: %v", file, err)
		}
		out[crd["spec"].(object)["names"].(object)["kind"].(string)] = crd
	}
	return out
}
