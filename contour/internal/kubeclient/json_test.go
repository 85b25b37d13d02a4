package kubeclient

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"contour.example/contour/internal/kind"
)

// forJSON returns the serializers for JSON.
func forJSON(t testing.TB, s runtime.NegotiatedSerializer) runtime.SerializerInfo {
	t.Helper()
	info, ok := runtime.SerializerInfoForMediaType(s.SupportedMediaTypes(), runtime.ContentTypeJSON)
	if !ok {
		t.Fatal("no serializer for JSON")
	}
	return info
}

func schemeOf(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme, err := Options{Kinds: kind.All()}.scheme()
	if err != nil {
		t.Fatal(err)
	}
	return scheme
}

const proxyJSON = `{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy","metadata":{"name":"p"},"spec":{"virtualhost":{"fqdn":"a.example"}}}`

// However an event and its object are written, they are what client-go reads in them.
func TestEventsAreThoseOfClientGo(t *testing.T) {
	t.Parallel()
	scheme := schemeOf(t)
	ours, theirs := forJSON(t, newSerializers(scheme)), forJSON(t, serializer.NewCodecFactory(scheme).WithoutConversion())
	for name, text := range map[string]string{
		"as the API server writes it":   `{"type":"ADDED","object":` + proxyJSON + "}\n",
		"in another order":              `{"object":` + proxyJSON + `,"type":"MODIFIED"}`,
		"with spaces":                   `{ "type" : "DELETED", "object" : ` + proxyJSON + ` }`,
		"with an escape":                `{"type":"ADD\u0045D","object":` + proxyJSON + "}",
		"a status":                      `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old","reason":"Expired","code":410}}`,
		"the kind last":                 `{"type":"ADDED","object":{"metadata":{"name":"p"},"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy"}}`,
		"an escape in the version":      `{"type":"ADDED","object":{"apiVersion":"projectcontour.io\/v1","kind":"HTTPProxy"}}`,
		"a kind that is not known":      `{"type":"ADDED","object":{"apiVersion":"projectcontour.io/v1","kind":"Nothing"}}`,
		"an object that is cut off":     `{"type":"ADDED","object":{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy","spec":}}`,
		"something behind the object":   `{"type":"ADDED","object":` + proxyJSON + `,"more":1}`,
		"something behind, of its kind": `{"type":"ADDED","object":` + proxyJSON + `]}`,
	} {
		got, gotErr := read(ours, text)
		want, wantErr := read(theirs, text)
		if name == "something behind the object" { // which no API server writes: invalid is as good
			want, wantErr = nil, gotErr
		}
		if diff := cmp.Diff(want, got); diff != "" || (gotErr == nil) != (wantErr == nil) {
			t.Errorf("%s (-client-go +got):\n%s%v\n%v", name, diff, wantErr, gotErr)
		}
	}
}

// event is what a watch returns.
type event struct {
	Type   string
	Object runtime.Object
}

func read(s runtime.SerializerInfo, text string) (*event, error) {
	var e metav1.WatchEvent
	if _, _, err := s.StreamSerializer.Decode([]byte(text), nil, &e); err != nil {
		return nil, err
	}
	object, _, err := s.Serializer.Decode(e.Object.Raw, nil, nil)
	if err != nil {
		return nil, err
	}
	return &event{e.Type, object}, nil
}

// What is needed of an event, and of the kind of its object, is at the beginning: it is found without reading and without copying the
// object.
func TestObjectsAreNotReadToSplitAnEvent(t *testing.T) {
	t.Parallel()
	s := forJSON(t, newSerializers(schemeOf(t)))
	unread := `{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy","spec":` + strings.Repeat("[", 1<<20)
	var e metav1.WatchEvent
	if _, _, err := s.StreamSerializer.Decode([]byte(`{"type":"ADDED","object":`+unread+"}"), nil, &e); err != nil || string(e.Object.Raw) != unread {
		t.Errorf("error %v, %d bytes of the object, want %d", err, len(e.Object.Raw), len(unread))
	}
	if gvk, err := (leadingKind{}).Interpret([]byte(unread)); err != nil || gvk.Kind != "HTTPProxy" || gvk.Group != "projectcontour.io" {
		t.Errorf("got %v, %v", gvk, err)
	}
}

// BenchmarkEvent decodes an event of 1 MB as client-go does and as we do.
func BenchmarkEvent(b *testing.B) {
	scheme := schemeOf(b)
	headers := strings.Repeat(`{"name":"x","value":"`+strings.Repeat("x", 1000)+`"},`, 1000)
	text := `{"type":"MODIFIED","object":{"apiVersion":"projectcontour.io/v1","kind":"HTTPProxy","metadata":{"name":"p"},"spec":{"routes":[{"responseHeadersPolicy":{"set":[` +
		strings.TrimSuffix(headers, ",") + `]}}]}}}`
	for name, s := range map[string]runtime.NegotiatedSerializer{"ours": newSerializers(scheme), "client-go": serializer.NewCodecFactory(scheme).WithoutConversion()} {
		info := forJSON(b, s)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := read(info, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
