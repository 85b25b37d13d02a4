package api_test

import (
	"encoding/json"
	"testing"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// TestZeroValuesAreWritten shows that a client can set a field with a default to
// its zero value: if it were left out, the API server would fill the default in.
func TestZeroValuesAreWritten(t *testing.T) {
	for _, test := range []struct {
		in   any
		want string
	}{
		{contourv1.RequestHeaderValueMatchDescriptor{Value: "v", ExpectMatch: new(bool)}, `{"expectMatch":false,"value":"v"}`},
		{contourv1.SlowStartPolicy{Window: "5s"}, `{"window":"5s","minWeightPercent":0}`},
		{contourv1.AuthorizationPolicy{Disabled: new(bool)}, `{"disabled":false}`},
	} {
		got, err := json.Marshal(test.in)
		if err != nil || string(got) != test.want {
			t.Errorf("%T: %s, %v; want %s", test.in, got, err, test.want)
		}
	}
}
