package backend

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	commonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/ratelimit/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	ratelimitv3 "github.com/envoyproxy/go-control-plane/envoy/service/ratelimit/v3"
)

// The query selects bodies, each once but the last, and the host.
func TestAnswersByQuery(t *testing.T) {
	t.Parallel()
	h := Handler("shop", "shop-0", 0)
	one, two := base64.RawURLEncoding.EncodeToString([]byte("one")), base64.RawURLEncoding.EncodeToString([]byte("two"))
	for i, step := range []struct {
		target, body string
		code         int
	}{
		{"/?echo-body=" + one, "one", 200},
		{"/?echo-body=" + one + "&echo-body=" + two, "one", 200},
		{"/?echo-body=" + one + "&echo-body=" + two, "two", 200},
		{"/?echo-body=" + one + "&echo-body=" + two, "two", 200},
		{"/?echo-body=" + one, "one", 200},
		{"/?echo-body=*", "", 400},
		{"/?echo-host=b.example&echo-body=" + one, "", 421},
		{"/?echo-host=example.com&echo-body=" + one, "one", 200}, // that of httptest
		{"/?echo-delay=1ms&echo-body=" + one, "one", 200},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, step.target, nil))
		if w.Code != step.code || w.Body.String() != step.body {
			t.Errorf("request %d, %s: got %d %q, want %d %q", i, step.target, w.Code, w.Body, step.code, step.body)
		}
	}
}

// A question about limits is described, and only an entry with the value for that is over its limit.
func TestLimiter(t *testing.T) {
	t.Parallel()
	entry := func(key, value string) *commonv3.RateLimitDescriptor_Entry {
		return &commonv3.RateLimitDescriptor_Entry{Key: key, Value: value}
	}
	for value, want := range map[string]ratelimitv3.RateLimitResponse_Code{
		"a b": ratelimitv3.RateLimitResponse_OK, OverLimit: ratelimitv3.RateLimitResponse_OVER_LIMIT,
	} {
		a, err := limiter{}.ShouldRateLimit(t.Context(), &ratelimitv3.RateLimitRequest{Domain: "d", Descriptors: []*commonv3.RateLimitDescriptor{
			{Entries: []*commonv3.RateLimitDescriptor_Entry{entry("k,", "1"), entry("l", "2")}}, {Entries: []*commonv3.RateLimitDescriptor_Entry{entry("m", value)}},
		}})
		if err != nil || a.GetOverallCode() != want || len(a.GetStatuses()) != 2 {
			t.Errorf("%s: got %v, %v", value, a, err)
		}
		if got, want := a.GetResponseHeadersToAdd()[0].GetValue(), "d|k%2C=1,l=2|m="; got != want+map[string]string{"a b": "a+b", OverLimit: OverLimit}[value] {
			t.Errorf("got %s", got)
		}
	}
}

// A check is described to the backend, and denied with the status that the client asks for.
func TestAuthorizer(t *testing.T) {
	t.Parallel()
	check := func(headers map[string]string) *authv3.CheckResponse {
		a, err := authorizer{}.Check(t.Context(), &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			ContextExtensions: map[string]string{"b": "2", "a": "1"},
			Request:           &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Headers: headers, Body: "a&b"}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	got := map[string]string{}
	for _, h := range check(nil).GetOkResponse().GetHeaders() {
		if h.GetAppendAction() != corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD {
			t.Errorf("a client can forge %s", h.GetHeader().GetKey())
		}
		got[h.GetHeader().GetKey()] = h.GetHeader().GetValue()
	}
	if got[ContextHeader] != "a=1,b=2" || got[CheckedBodyHeader] != "a%26b" || got[CheckedBytesHeader] != "" {
		t.Errorf("got %v", got)
	}
	denied := check(map[string]string{"x-echo-status": "402"})
	if denied.GetStatus().GetCode() == 0 || denied.GetDeniedResponse().GetStatus().GetCode() != 402 {
		t.Errorf("got %v", denied)
	}
}

// Each key fails as many requests as its header specifies, independent of other keys.
func TestFailsOnDemand(t *testing.T) {
	t.Parallel()
	h := Handler("shop", "shop-0", 0)
	send := func(fail string) int {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set(FailHeader, fail)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i, step := range []struct {
		fail string
		want int
	}{
		{"2 a", 503},
		{"1 b", 503},
		{"2 a", 503},
		{"1 b", 200},
		{"2 a", 200},
		{"2 a", 503}, // removed, so the count starts again
		{"0 c", 200},
		{"x c", 200},
		{"", 200},
	} {
		if got := send(step.fail); got != step.want {
			t.Errorf("request %d, %q: status %d, want %d", i, step.fail, got, step.want)
		}
	}
}
