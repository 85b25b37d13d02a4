package settings

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
)

// candidates are values of which at least one is another one than the default, for every setting.
func candidates() []string {
	return []string{
		"7", "100000", "true", "false", "7s", "a", "a/b", "v4", "/a", "192.0.2.9", `"1.2"`, `"1.3"`, "json", "error", "disabled", "http", "namespace", "exact", "redirect", "reject", "required",
		"pass_through", `"a\n"`, "[a]", "[http/1.1]", "[authority]", "[P-256]", "[10.0.0.0/8]", "[ECDHE-RSA-AES128-GCM-SHA256]", "[{tagName: a, literal: b}]", "{a: b}", "{name: a, namespace: b}",
		"{extensionRef: {name: a, namespace: b}}", "{disabled: true}", "{pathPrefix: /a}", "{maxRequestBytes: 7}", "{descriptors: [{entries: [{genericKey: {value: a}}]}]}",
	}
}

// companions are settings without which those with this prefix have no effect, in the file and in the object.
func companions() map[string]string {
	return map[string]string{
		"globalExtAuth.":                "globalExtAuth: {extensionService: x/x}",
		"globalExtAuth.httpSettings":    "globalExtAuth: {extensionService: x/x, serviceType: http}",
		"rateLimitService.":             "rateLimitService: {extensionService: x/x}",
		"tracing.":                      "tracing: {extensionService: x/x}",
		"tls.fallback-certificate.":     "tls: {fallback-certificate: {name: x, namespace: x}}",
		"tls.envoy-client-certificate.": "tls: {envoy-client-certificate: {name: x, namespace: x}}",
		"gateway.":                      "gateway: {gatewayRef: {name: x, namespace: x}}",
		"omEnforcedHealthListener.":     "omEnforcedHealthListener: {port: 9}",

		"object globalExtAuth.":                 "globalExtAuth: {extensionRef: {name: x, namespace: x}}",
		"object globalExtAuth.httpSettings":     "globalExtAuth: {serviceType: http, extensionRef: {name: x, namespace: x}}",
		"object rateLimitService.":              "rateLimitService: {extensionService: {name: x, namespace: x}}",
		"object tracing.":                       "tracing: {extensionService: {name: x, namespace: x}}",
		"object httpproxy.fallbackCertificate.": "httpproxy: {fallbackCertificate: {name: x, namespace: x}}",
		"object envoy.clientCertificate.":       "envoy: {clientCertificate: {name: x, namespace: x}}",
		"object gateway.":                       "gateway: {gatewayRef: {name: x, namespace: x}}",
		"object envoy.omEnforcedHealth.":        "envoy: {omEnforcedHealth: {port: 9}}",
	}
}

// companion returns that of the longest prefix of a key; "" if there is none.
func companion(key string) (text string) {
	longest := 0
	for prefix, of := range companions() {
		if strings.HasPrefix(key, prefix) && len(prefix) > longest {
			longest, text = len(prefix), of
		}
	}
	return text
}

// Each setting that is said to be applied changes the configuration, in the file and in the object.
func TestWhatIsAppliedChangesTheConfiguration(t *testing.T) {
	t.Parallel()
	for _, k := range keys() {
		if k.effect != applied && k.effect != restart || k.file == "server" { // has no keys
			continue
		}
		if k.file != "" && !changes(k.file, companion(k.file), func(text []byte) (Document, error) { return File("f", text) }) {
			t.Errorf("%s of the file changes nothing", k.file)
		}
		if k.field != "" && !changes(k.field, companion("object "+k.field), func(text []byte) (Document, error) {
			var spec v1alpha1.ContourConfigurationSpec
			err := yaml.UnmarshalStrict(text, &spec)
			return Object("o", spec), err
		}) {
			t.Errorf("%s of the object changes nothing", k.field)
		}
	}
}

// update rewrites testdata/applied.tsv.
var update = flag.Bool("update", false, "rewrite testdata/applied.tsv")

// Each setting that is applied changes the fields of the configuration that the table has, to these values.
func TestWhatEachSettingChanges(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, k := range keys() {
		if k.file == "" || k.effect != applied && k.effect != restart || k.file == "server" {
			continue
		}
		before, err := fileOf(t, companion(k.file))
		if err != nil {
			t.Fatal(k.file, err)
		}
		for _, value := range candidates() {
			after, err := fileOf(t, companion(k.file), nested(k.file, value))
			if err != nil || reflect.DeepEqual(before, after) {
				continue
			}
			var differing []string
			differences("", reflect.ValueOf(before), reflect.ValueOf(after), &differing)
			fmt.Fprintf(&got, "%s\t%s\t%s\n", k.file, value, strings.Join(differing, "; "))
			break
		}
	}
	const golden = "testdata/applied.tsv"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got.String()); d != "" {
		t.Errorf("%s (-want +got):\n%s", golden, d)
	}
}

// fileOf returns the configuration of a file with the settings of all texts.
func fileOf(t *testing.T, texts ...string) (config.Config, error) {
	t.Helper()
	merged := map[string]any{}
	for _, text := range texts {
		var one map[string]any
		if err := yaml.Unmarshal([]byte(text), &one); err != nil {
			t.Fatal(err)
		}
		merge(merged, one)
	}
	text, err := yaml.Marshal(merged)
	if err != nil {
		t.Fatal(err)
	}
	d, err := File("f", text)
	if err != nil {
		return config.Config{}, err
	}
	return build(d)
}

// differences appends the path and the value in b of each field that differs in a and b.
func differences(path string, a, b reflect.Value, into *[]string) {
	for a.Kind() == reflect.Pointer && b.Kind() == reflect.Pointer && !a.IsNil() && !b.IsNil() {
		a, b = a.Elem(), b.Elem()
	}
	switch {
	case a.Kind() == reflect.Struct && b.Kind() == reflect.Struct && a.NumField() > 0:
		for i := range a.NumField() {
			differences(strings.TrimPrefix(path+"."+a.Type().Field(i).Name, "."), a.Field(i), b.Field(i), into)
		}
	case text(a) != text(b):
		*into = append(*into, path+"="+text(b))
	}
}

// text returns a value without addresses.
func text(v reflect.Value) string {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return "nil"
		}
		v = v.Elem()
	}
	var parts []string
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			parts = append(parts, text(v.Index(i)))
		}
		return "[" + strings.Join(parts, " ") + "]"
	}
	if _, named := v.Type().MethodByName("String"); v.Kind() == reflect.Struct && !named {
		for i := range v.NumField() {
			parts = append(parts, v.Type().Field(i).Name+":"+text(v.Field(i)))
		}
		return "{" + strings.Join(parts, " ") + "}"
	}
	return strings.ReplaceAll(fmt.Sprintf("%+v", v), "\n", `\n`)
}

// changes reports whether a value of a setting, beside its companion, changes the configuration.
func changes(key, companion string, parse func([]byte) (Document, error)) bool {
	configuration := func(texts ...string) (config.Config, error) {
		merged := map[string]any{}
		for _, text := range texts {
			var one map[string]any
			if err := yaml.Unmarshal([]byte(text), &one); err != nil {
				return config.Config{}, err
			}
			merge(merged, one)
		}
		text, err := yaml.Marshal(merged)
		if err != nil {
			return config.Config{}, err
		}
		d, err := parse(text)
		if err != nil {
			return config.Config{}, err
		}
		return build(d)
	}
	before, err := configuration(companion)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(candidates(), func(value string) bool {
		after, err := configuration(companion, nested(key, value))
		return err == nil && !reflect.DeepEqual(before, after)
	})
}

// merge adds what is in one map to another.
func merge(into, from map[string]any) {
	for k, v := range from {
		inner, ok := v.(map[string]any)
		if existing, both := into[k].(map[string]any); ok && both {
			merge(existing, inner)
		} else {
			into[k] = v
		}
	}
}
