// Package redact replaces what is secret in xDS resources, for readers.
//
// In goes a resource, out a copy in which private keys, passwords, ticket keys and the key sets of JWT providers, which may
// contain symmetric keys, are replaced by a text. It must not be used on what Envoys get.
package redact

import (
	"fmt"

	"github.com/cncf/xds/go/udpa/annotations"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/anypb"
)

// Text is what replaces a secret.
const Text = "[redacted]"

// Any returns a copy of a message without secrets. An error is about a message that cannot be decoded: nothing of it is
// returned, since its secrets are unknown.
func Any(a *anypb.Any) (*anypb.Any, error) {
	m, err := a.UnmarshalNew()
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	if err = message(m.ProtoReflect()); err != nil {
		return nil, err
	}
	out := &anypb.Any{TypeUrl: a.GetTypeUrl()}
	if out.Value, err = proto.Marshal(m); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	return out, nil
}

// message redacts a message in place.
func message(m protoreflect.Message) (err error) {
	if a, ok := m.Interface().(*anypb.Any); ok {
		redacted, err := Any(a)
		if err == nil {
			a.Value = redacted.GetValue()
		}
		return err
	}
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if secret(f) {
			replace(m, f)
			return true
		}
		err = values(f, v, message)
		return err == nil
	})
	return err
}

// values calls do for each message in the value of a field.
func values(f protoreflect.FieldDescriptor, v protoreflect.Value, do func(protoreflect.Message) error) (err error) {
	switch {
	case f.IsMap() && f.MapValue().Message() != nil:
		v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
			err = do(v.Message())
			return err == nil
		})
	case f.IsList() && f.Message() != nil:
		for i := 0; i < v.List().Len() && err == nil; i++ {
			err = do(v.List().Get(i).Message())
		}
	case !f.IsMap() && !f.IsList() && f.Message() != nil:
		err = do(v.Message())
	}
	return err
}

// secret reports whether the API marks a field as sensitive, or whether it contains the keys of a JWT provider.
func secret(f protoreflect.FieldDescriptor) bool {
	provider := (*jwtauthnv3.JwtProvider)(nil).ProtoReflect().Descriptor().FullName()
	if f.ContainingMessage().FullName() == provider && f.Name() == "local_jwks" {
		return true
	}
	options, ok := f.Options().(*descriptorpb.FieldOptions)
	marked, _ := proto.GetExtension(options, annotations.E_Sensitive).(bool)
	return ok && marked
}

// replace puts the text in the place of the value: of a message, in each of its fields that can hold it.
func replace(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	m.Clear(f)
	switch {
	case f.IsMap():
	case f.IsList() && f.Message() != nil:
		one := m.Mutable(f).List().AppendMutable().Message()
		replaceText(one)
	case f.IsList():
	case f.Message() != nil:
		replaceText(m.Mutable(f).Message())
	default:
		set(m, f)
	}
}

func replaceText(m protoreflect.Message) {
	if f := m.Descriptor().Fields().ByName("inline_string"); f != nil {
		set(m, f)
	}
}

func set(m protoreflect.Message, f protoreflect.FieldDescriptor) {
	switch f.Kind() {
	case protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString(Text))
	case protoreflect.BytesKind:
		m.Set(f, protoreflect.ValueOfBytes([]byte(Text)))
	default:
	}
}
