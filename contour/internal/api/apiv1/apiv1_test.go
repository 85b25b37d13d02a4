package apiv1

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// documents has an empty document of each kind.
func documents() map[string]any {
	return map[string]any{
		"PathList":       &PathList{},
		"Error":          &Error{},
		"Info":           &Info{},
		"Status":         &Status{},
		"ObjectReport":   &ObjectReport{},
		"Explanation":    &Explanation{},
		"EnvoyList":      &List[Envoy]{},
		"ObjectList":     &List[ObjectItem]{},
		"DiagnosticList": &List[Diagnostic]{},
		"ChangeList":     &List[Change]{},
		"HostList":       &List[Host]{},
		"HostRoutesList": &List[HostRoutes]{},
		"ResourceList":   &List[Resource]{},
		"RejectionList":  &List[Rejection]{},
	}
}

// Each kind has the fields of its golden file, by name and type, and the version of the path. Fields may be added to the files (-update), but must not be
// renamed or removed while the version is the same.
func TestGolden(t *testing.T) {
	t.Parallel()
	if Version != "cli.contour.example/v1" || Path != "/api/v1/" {
		t.Errorf("version %s, path %s", Version, Path)
	}
	for kind, document := range documents() {
		v := reflect.ValueOf(document).Elem()
		fill(v, "")
		v.FieldByName("Type").Set(reflect.ValueOf(TypeOf(kind)))
		got, err := json.MarshalIndent(document, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", kind+".json")
		if *update {
			if err := os.WriteFile(path, append(got, '\n'), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(strings.TrimSpace(string(want)), string(got)); d != "" {
			t.Errorf("%s (-golden +got): %s", kind, d)
		}
	}
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	kinds := slices.Collect(maps.Keys(documents()))
	for _, f := range files {
		if !slices.Contains(kinds, strings.TrimSuffix(filepath.Base(f), ".json")) {
			t.Errorf("%s is of no kind", f)
		}
	}
}

// fill sets each field of a value to one that is not the zero value, so that it is encoded; strings are the names of their fields.
func fill(v reflect.Value, name string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)))
		return
	case time.Duration:
		v.SetInt(int64(time.Second))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.ToLower(name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, name)
		fill(value, name)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				fill(v.Field(i), f.Name)
			}
		}
	default:
		panic(fmt.Sprintf("%s: %s", name, v.Type()))
	}
}
