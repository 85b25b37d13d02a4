package semantic

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// checkFields returns an error if a field of m is set that is not in the list of supported fields (proto names, separated
// by spaces).
func checkFields(m proto.Message, supported string) error {
	names := strings.Fields(supported)
	var unsupported []string
	r := m.ProtoReflect()
	r.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if !slices.Contains(names, string(f.Name())) {
			unsupported = append(unsupported, string(f.Name()))
		}
		return true
	})
	if len(r.GetUnknown()) > 0 {
		unsupported = append(unsupported, "(an unknown field)")
	}
	if len(unsupported) == 0 {
		return nil
	}
	slices.Sort(unsupported)
	return fmt.Errorf("the model does not support %s of %s", strings.Join(unsupported, ", "), r.Descriptor().FullName())
}

// unpack decodes a packed message, which must be of m's type.
func unpack[M proto.Message](packed *anypb.Any, m M) (M, error) {
	if err := packed.UnmarshalTo(m); err != nil {
		return m, fmt.Errorf("unpack %s: %w", packed.GetTypeUrl(), err)
	}
	return m, nil
}

// unsupportedMessage returns the error for an extension that the model does not support.
func unsupportedMessage(extension string, packed *anypb.Any) error {
	return fmt.Errorf("the model does not support the %s %s", extension, packed.GetTypeUrl())
}
