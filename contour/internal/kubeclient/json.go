package kubeclient

import (
	"bytes"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
)

// Custom resources are watched as JSON. The decoder of client-go reads each event four times: to find out that an event has no
// kind, to copy the object out of it, to find the kind of the object, and to decode it. All objects of a kind arrive on one
// watch, so that an object of 1 MB, in which a tenant changes a byte each second, delays the edits of all others by that. The
// API server writes the fields of an event and of an object in one order, in which the beginning says what the decoder needs; what
// is written otherwise is read by client-go.

// serializers are those of the scheme, with events and objects in JSON read once.
type serializers struct {
	runtime.NegotiatedSerializer
	infos []runtime.SerializerInfo
}

func newSerializers(scheme *runtime.Scheme) serializers {
	s := serializers{NegotiatedSerializer: serializer.NewCodecFactory(scheme).WithoutConversion()}
	for _, info := range s.NegotiatedSerializer.SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON && info.StreamSerializer != nil {
			stream := *info.StreamSerializer
			stream.Serializer = readOnce(scheme, stream.Serializer)
			info.Serializer, info.StreamSerializer = readOnce(scheme, info.Serializer), &stream
		}
		s.infos = append(s.infos, info)
	}
	return s
}

func (s serializers) SupportedMediaTypes() []runtime.SerializerInfo { return s.infos }

// jsonSerializer encodes as client-go does.
type jsonSerializer struct {
	runtime.Serializer
	decoder runtime.Decoder
}

func readOnce(scheme *runtime.Scheme, of runtime.Serializer) jsonSerializer {
	return jsonSerializer{of, json.NewSerializerWithOptions(leadingKind{}, scheme, scheme, json.SerializerOptions{})}
}

// Decode decodes an event or an object. The object of an event refers to data, which is valid until the next event is read: the
// caller decodes it before.
func (s jsonSerializer) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	if event, ok := into.(*metav1.WatchEvent); ok && splitEvent(data, event) {
		return event, &schema.GroupVersionKind{}, nil
	}
	return s.decoder.Decode(data, defaults, into)
}

// splitEvent reads an event as the API server writes it; false if it is written otherwise. The object is not read: it is
// invalid if what surrounds it is.
func splitEvent(data []byte, event *metav1.WatchEvent) bool {
	kind, rest, ok := leadingString(bytes.TrimSpace(data), `{"type":"`)
	if !ok {
		return false
	}
	object, ok := bytes.CutPrefix(rest, []byte(`,"object":`))
	if !ok {
		return false
	}
	object, ok = bytes.CutSuffix(object, []byte(`}`))
	if !ok {
		return false
	}
	event.Type, event.Object.Raw = kind, object
	return true
}

// leadingString returns the string between the prefix and the next quote, and what follows; false if there is none, or it has
// escapes.
func leadingString(data []byte, prefix string) (text string, rest []byte, ok bool) {
	data, ok = bytes.CutPrefix(data, []byte(prefix))
	end := bytes.IndexByte(data, '"')
	if !ok || end < 0 || bytes.IndexByte(data[:end], '\\') >= 0 {
		return "", nil, false
	}
	return string(data[:end]), data[end+1:], true
}

// leadingKind finds the kind of an object that begins with it.
type leadingKind struct{}

// Interpret returns the version and kind of an object.
func (leadingKind) Interpret(data []byte) (*schema.GroupVersionKind, error) {
	version, rest, ok := leadingString(data, `{"apiVersion":"`)
	kind, _, found := leadingString(rest, `,"kind":"`)
	if !ok || !found {
		return json.DefaultMetaFactory.Interpret(data)
	}
	gv, err := schema.ParseGroupVersion(version)
	if err != nil {
		return nil, err
	}
	gvk := gv.WithKind(kind)
	return &gvk, nil
}
