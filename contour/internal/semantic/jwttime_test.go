package semantic

import (
	"encoding/base64"
	"testing"
	"time"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// A token that has expired at the time of the request is refused for that, whatever else it lacks.
func TestTokensAreVerifiedAtTheTimeOfTheRequest(t *testing.T) {
	t.Parallel()
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"ES256"}`)) + "." + encode([]byte(`{"aud":"other","exp":1780000000}`)) + "." + encode([]byte("signature"))
	for now, want := range map[time.Time]string{{}: otherAudience, time.Unix(1779999999, 0): otherAudience, time.Unix(1780000061, 0): "Jwt is expired"} {
		x := &exchange{Request: Request{Now: now}, headers: map[string]string{"authorization": "Bearer " + token}}
		if got, err := x.verify(&jwtauthnv3.JwtProvider{Audiences: []string{"mine"}}); err != nil || got != want {
			t.Errorf("at %v: %q, %v, want %q", now, got, err, want)
		}
	}
}
