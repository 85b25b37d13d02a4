package semantic

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// only reports a field of m that is set and not among the known ones (their proto names, separated by spaces):
// the model does not implement it.
func only(m proto.Message, known string) error {
	names := strings.Fields(known)
	var unknown []string
	r := m.ProtoReflect()
	r.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(names, string(f.Name())) {
			unknown = append(unknown, string(f.Name()))
		}
		return true
	})
	if len(r.GetUnknown()) > 0 {
		unknown = append(unknown, "(a field that the generated code does not know)")
	}
	if len(unknown) == 0 {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("the model does not know what %s of %s does", strings.Join(unknown, ", "), r.Descriptor().FullName())
}

// unpack decodes a packed message, which must be of m's type.
func unpack[M proto.Message](packed *anypb.Any, m M) (M, error) {
	if err := packed.UnmarshalTo(m); err != nil {
		return m, fmt.Errorf("unpack %s: %w", packed.GetTypeUrl(), err)
	}
	return m, nil
}

// unknownMessage is the error about an extension that the model does not implement.
func unknownMessage(what string, packed *anypb.Any) error {
	return fmt.Errorf("the model does not know the %s %s", what, packed.GetTypeUrl())
}
