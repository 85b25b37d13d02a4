package semantic

import (
	"encoding/base64"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A token names an endpoint until its session is over; what is no token names none.
func TestEndpointInAToken(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_000_000, 0)
	token := func(address string, expires int64) string {
		b := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), address)
		if expires != 0 {
			b = protowire.AppendVarint(protowire.AppendTag(b, 2, protowire.VarintType), uint64(expires))
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, row := range []struct{ token, want string }{
		{token("10.0.0.1:80", 0), "10.0.0.1:80"},
		{token("10.0.0.1:80", now.Unix()+1), "10.0.0.1:80"},
		{token("10.0.0.1:80", now.Unix()-1), ""},
		{"", ""},
		{"!", ""},
		{base64.StdEncoding.EncodeToString([]byte{10, 200, 1}), ""},
		{base64.StdEncoding.EncodeToString([]byte{0xff}), ""},
	} {
		if got := endpointIn(row.token, now); got != row.want {
			t.Errorf("%q names %q, want %q", row.token, got, row.want)
		}
	}
}
