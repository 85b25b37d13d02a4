//go:build local

package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// issuer is a server of a JSON Web Key Set that also signs tokens.
type issuer struct {
	server *http.Server
	uri    string

	mu    sync.Mutex
	keys  map[string]*rsa.PrivateKey // published, by key ID
	delay time.Duration
	away  bool   // answers with 500
	wrong string // the answer instead of the keys, if not empty
	asked int
}

// newIssuer starts an issuer with the key "1".
func (f *fixture) newIssuer() *issuer {
	f.t.Helper()
	ip, err := f.s.Addresses.IP()
	if err != nil {
		f.t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(f.t.Context(), "tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		f.t.Fatal(err)
	}
	i := &issuer{uri: "http://" + l.Addr().String() + "/keys", keys: map[string]*rsa.PrivateKey{}}
	i.publish(f.t, "1")
	i.server = &http.Server{Handler: i, ReadHeaderTimeout: time.Second}
	go func() {
		if err := i.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			f.t.Error(err)
		}
	}()
	f.t.Cleanup(func() { _ = i.server.Close() })
	return i
}

func (i *issuer) publish(t *testing.T, keyID string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys[keyID] = key
}

func (i *issuer) set(f func(*issuer)) { i.mu.Lock(); defer i.mu.Unlock(); f(i) }

func (i *issuer) requests() int { i.mu.Lock(); defer i.mu.Unlock(); return i.asked }

// ServeHTTP answers with the published keys.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.asked++
	away, wrong, delay := i.away, i.wrong, i.delay
	var keys []map[string]string
	for id, k := range i.keys {
		keys = append(keys, map[string]string{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": id,
			"n": text(k.N.Bytes()), "e": text(big.NewInt(int64(k.E)).Bytes()),
		})
	}
	i.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return
	}
	if away {
		http.Error(w, "away", http.StatusInternalServerError)
		return
	}
	if wrong != "" {
		_, _ = io.WriteString(w, wrong)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
}

func text(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// token signs a token that is valid for a time, which may be negative.
func (i *issuer) token(t *testing.T, keyID, audience string, valid time.Duration) string {
	t.Helper()
	i.mu.Lock()
	key := i.keys[keyID]
	i.mu.Unlock()
	claims, err := json.Marshal(map[string]any{"iss": "https://issuer.example", "aud": audience, "exp": time.Now().Add(valid).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	signed := text([]byte(`{"alg":"RS256","kid":"`+keyID+`"}`)) + "." + text(claims)
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + text(signature)
}
