package settings

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"contour.example/contour/api/projectcontour/v1alpha1"
	"contour.example/contour/internal/config"
)

// table reads a table of the specification: rows of columns with tabs between.
func table(t *testing.T, name string, columns int) [][]string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Split(line, "\t")
		if len(row) != columns {
			t.Fatalf("%s: %q has %d columns, want %d", name, line, len(row), columns)
		}
		rows = append(rows, row)
	}
	return rows
}

// The fields of the object are those of the specification, with its types and defaults, and each is a known setting.
func TestFieldsAreThoseOfTheSpecification(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, row := range table(t, "fields.tsv", 3) {
		want[row[0]] = row[1]
		if k, ok := lookup(strings.ReplaceAll(row[0], "[]", "")); !ok || (k.field == row[0] && specified(k) != row[2]) {
			t.Errorf("%s: the table of settings has %+v, the specification the default %q", row[0], k, row[2])
		}
	}
	fieldTypes(reflect.TypeFor[v1alpha1.ContourConfigurationSpec](), "", "", got)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("fields and types (-specification +API):\n%s", d)
	}
	for _, k := range keys() {
		spec := v1alpha1.ContourConfigurationSpec{}
		if _, ok := fieldAt(reflect.ValueOf(&spec).Elem(), k.field); k.field != "" && !ok {
			t.Errorf("%s: there is no such field", k.field)
		}
	}
}

// specified returns the default of the specification.
func specified(k key) string {
	if k.inContour != "" {
		return k.inContour
	}
	return k.value
}

// fieldTypes notes the type of each field below a type, as the specification writes it.
func fieldTypes(typ reflect.Type, path, mark string, into map[string]string) {
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ.Name() == "AuthorizationServer" || typ.Name() == "GlobalRateLimitPolicy":
		into[path] = typ.Name() + mark
	case typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Pointer:
		into[path] = "[]object" + mark
		fieldTypes(typ.Elem(), path+"[]", "", into)
	case typ.Kind() == reflect.Slice:
		into[path] = "[]string" + mark
	case typ.Kind() == reflect.Map:
		into[path] = "map[string]string" + mark
	case typ.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(typ) {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			required := ""
			if !strings.Contains(options, "omitempty") {
				required = "!"
			}
			if name != "" {
				fieldTypes(f.Type, strings.TrimPrefix(path+"."+name, "."), required, into)
			}
		}
	default:
		into[path] = map[bool]string{true: "int", false: typ.Kind().String()}[typ.Kind() != reflect.String && typ.Kind() != reflect.Bool] + mark
	}
}

// The keys of the file are those of the specification, with its defaults, and those that Contour does not have.
func TestKeysAreThoseOfTheSpecification(t *testing.T) {
	want, got := map[string]string{}, map[string]string{}
	for _, row := range table(t, "file.tsv", 2) {
		want[row[0]] = row[1]
	}
	for _, k := range keys() {
		if k.file == "" || k.ours {
			continue
		}
		got[k.file] = specified(k)
		if k.inFile != "" {
			got[k.file] = k.inFile
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("keys and defaults (-specification +settings):\n%s", d)
	}
}

// What the table of settings says is the default is the default: to write it changes nothing.
func TestDefaultsAreTheDefaults(t *testing.T) {
	empty := Object("o", v1alpha1.ContourConfigurationSpec{})
	for _, k := range keys() {
		if value := k.value; k.field != "" && value != "" {
			spec := v1alpha1.ContourConfigurationSpec{}
			v, _ := fieldAt(reflect.ValueOf(&spec).Elem(), k.field)
			if v.Kind() == reflect.Pointer {
				v.Set(reflect.New(v.Type().Elem()))
			}
			root, err := parse("value", []byte(quoted(value)))
			if err != nil {
				t.Fatal(err)
			}
			if message := decode(k, root, reflect.Indirect(v)); message != "" {
				t.Errorf("%s: %s", k.field, message)
			}
			compare(t, k.field, empty, Object("o", spec))
		}
		value := k.value
		if k.inFile != "" {
			value = k.inFile
		}
		if k.file != "" && value != "" {
			d, err := File("f", []byte(nested(k.file, quoted(value))))
			if err != nil {
				t.Errorf("%s: %v", k.file, err)
			}
			compare(t, k.file, Empty(), d)
		}
	}
}

func compare(t *testing.T, name string, a, b Document) {
	t.Helper()
	want, err := build(a)
	got, err2 := build(b)
	if err != nil || err2 != nil {
		t.Errorf("%s: %v, %v", name, err, err2)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s: its default changes the configuration (-without +with):\n%s", name, d)
	}
	if missing := b.Ignored(); len(missing) > 0 {
		t.Errorf("%s: its default is text to have no effect: %v", name, missing)
	}
}

func build(d Document) (config.Config, error) {
	c, err := d.Apply(d.Defaults(config.Default()))
	return d.DefaultFiles(c), err
}

// quoted is a default as YAML.
func quoted(value string) string {
	inner, ok := strings.CutPrefix(value, "[")
	if !ok {
		return value
	}
	var items []string
	for _, item := range strings.Split(strings.TrimSuffix(inner, "]"), ", ") {
		items = append(items, fmt.Sprintf("%q", item))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// nested is a file with one key.
func nested(key, value string) string {
	var b strings.Builder
	parts := strings.Split(key, ".")
	for i, p := range parts {
		b.WriteString(strings.Repeat("  ", i) + p + ":")
		if i < len(parts)-1 {
			b.WriteString("\n")
		}
	}
	return b.String() + " " + value + "\n"
}

// Each setting whose feature is missing says so.
func TestWhatHasNoEffectIsSaid(t *testing.T) {
	names := IgnoredNames()
	for _, k := range keys() {
		if k.file == "" || k.effect == applied || k.effect == restart {
			continue
		}
		d, err := File("f", []byte(nested(k.file, sample(k))))
		if err != nil {
			t.Errorf("%s: %v", k.file, err)
			continue
		}
		if k.with != "" {
			d.set[k.with] = 1
		}
		_, err = build(d)
		missing := d.Ignored()
		switch {
		case err != nil || len(missing) != 1 || !strings.Contains(missing[0].Message, k.reason):
			t.Errorf("%s: has no effect, and says %v, %v", k.file, ignored, err)
		case !slices.Contains(names, missing[0].Key):
			t.Errorf("%s: %s is not among the names", k.file, missing[0].Key)
		}
	}
}

// What is read at start-up only is reported when it changes at run time.
func TestSettingsThatNeedARestartAreReported(t *testing.T) {
	t.Parallel()
	for _, k := range keys() {
		if k.effect != restart {
			continue
		}
		var running, wanted Document
		if k.file != "" {
			running = Empty()
			value := "7"
			switch {
			case strings.HasSuffix(k.file, ".address"):
				value = "192.0.2.9"
			case k.file == "incluster":
				value = "true"
			case k.file == "kubeconfig":
				value = "/changed"
			}
			var err error
			if wanted, err = File("f", []byte(nested(k.file, value))); err != nil {
				t.Errorf("%s: %v", k.file, err)
			}
		} else {
			running, wanted = Object("o", v1alpha1.ContourConfigurationSpec{}), Object("o", changed(k.field))
		}
		before, _ := build(running)
		after, err := build(wanted)
		if names := RestartRequired(before, after); err != nil || len(names) != 1 {
			t.Errorf("%s %s: RestartRequired returns %v, %v; want one setting", k.file, k.field, names, err)
		}
	}
}

// changed is a spec in which one field has another value than its default.
func changed(field string) (spec v1alpha1.ContourConfigurationSpec) {
	v, _ := fieldAt(reflect.ValueOf(&spec).Elem(), field)
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch {
	case strings.HasSuffix(field, ".address"):
		v.SetString("192.0.2.9")
	case v.Kind() == reflect.String:
		v.SetString("/changed")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	default:
		v.SetInt(7)
	}
	return spec
}

// sample is a value that is not the default.
func sample(k key) string {
	v, _ := fieldAt(reflect.ValueOf(&v1alpha1.ContourConfigurationSpec{}).Elem(), k.field)
	typ := v.Type()
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case k.named:
		return "namespace/name"
	case strings.HasSuffix(k.field, "dnsLookupFamily"):
		return "v4"
	case k.value == "true":
		return "false"
	case typ.Kind() == reflect.Bool:
		return "true"
	case typ.Kind() == reflect.String:
		return "1"
	case typ.Kind() == reflect.Slice && strings.HasSuffix(k.field, "customTags"):
		return "[{tagName: a, literal: b}]"
	case typ.Kind() == reflect.Slice:
		return "[a]"
	case typ.Kind() == reflect.Map:
		return "{a: b}"
	case typ.Kind() == reflect.Struct:
		return "{}"
	default:
		return "7"
	}
}
