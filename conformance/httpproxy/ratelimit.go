package httpproxy

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"contour.example/conformance/suite"
	"contour.example/harness/backend"
	"contour.example/harness/traffic"
)

// limitDescriptors has an entry of every kind, and of every operator on headers.
const limitDescriptors = `[
  {entries: [{genericKey: {value: shop}}, {remoteAddress: {}}]},
  {entries: [{genericKey: {key: tier, value: gold}}, {requestHeader: {headerName: X-User, descriptorKey: user}}]},
  {entries: [{requestHeaderValueMatch: {value: present, headers: [{name: X-Present, present: true}]}}]},
  {entries: [{requestHeaderValueMatch: {value: notpresent, headers: [{name: X-Not-Present, notpresent: true}]}}]},
  {entries: [{requestHeaderValueMatch: {value: exact, headers: [{name: X-Exact, exact: Value}]}}]},
  {entries: [{requestHeaderValueMatch: {value: any-case, headers: [{name: X-Any-Case, exact: Value, ignoreCase: true}]}}]},
  {entries: [{requestHeaderValueMatch: {value: notexact, headers: [{name: X-Not-Exact, notexact: Value}]}}]},
  {entries: [{requestHeaderValueMatch: {value: missing, headers: [{name: X-Missing, notexact: Value, treatMissingAsEmpty: true}]}}]},
  {entries: [{requestHeaderValueMatch: {value: contains, headers: [{name: X-Contains, contains: mid}]}}]},
  {entries: [{requestHeaderValueMatch: {value: notcontains, headers: [{name: X-Not-Contains, notcontains: mid}]}}]},
  {entries: [{requestHeaderValueMatch: {value: regex, headers: [{name: X-Regex, regex: "a+b"}]}}]},
  {entries: [{requestHeaderValueMatch: {value: unless, expectMatch: false, headers: [{name: X-Unless, present: true}]}}]}]`

func globalLimits() []suite.Test {
	return []suite.Test{{
		Name:         "httpproxy/global-rate-limit",
		Sentence:     "Requests are limited by the descriptors of their route, or else of their host, that apply to them; both can be disabled.",
		Features:     extended(globalRateLimit),
		RateLimits:   true,
		Backends:     backends("shop"),
		Certificates: []suite.Certificate{{Name: "cert", Hosts: []string{"b.${DOMAIN}", "d.${DOMAIN}"}}},
		Manifests: limited("a", "", limitDescriptors, "[{entries: [{genericKey: {value: route}}]}]") +
			limited("b", ", tls: {secretName: cert}", "[{entries: [{genericKey: {value: host}}]}]", limitDescriptors) +
			manifest("c", `virtualhost: {fqdn: "c.${DOMAIN}", rateLimitPolicy: {global: {disabled: true}}}, routes: [{services: [{name: shop, port: 80}]}]`) +
			manifest("d", `virtualhost: {fqdn: "d.${DOMAIN}", tls: {secretName: cert}, rateLimitPolicy: {global: {disabled: true}}}, routes: [{services: [{name: shop, port: 80}]}]`),
		Run: limitsGlobally,
	}}
}

// limited is an HTTPProxy with descriptors of the host and of a route, and routes without.
func limited(name, tls, host, route string) string {
	return manifest(name, fmt.Sprintf(`
virtualhost: {fqdn: %q%s, rateLimitPolicy: {global: {descriptors: %s}}}, routes: [
{services: [{name: shop, port: 80}]},
{conditions: [{prefix: /own}], services: [{name: shop, port: 80}], rateLimitPolicy: {global: {descriptors: %s}}},
{conditions: [{prefix: /over}], services: [{name: shop, port: 80}], rateLimitPolicy: {global: {descriptors: [{entries: [{genericKey: {value: %s}}]}]}}},
{conditions: [{prefix: /kept}], services: [{name: shop, port: 80}], rateLimitPolicy: {global: {disabled: false}}},
{conditions: [{prefix: /free}], services: [{name: shop, port: 80}], rateLimitPolicy: {global: {disabled: true}}}]`,
		name+".${DOMAIN}", tls, host, route, backend.OverLimit))
}

func limitsGlobally(t *suite.T) {
	const all = "generic_key=shop,remote_address=ADDRESS"
	matching := map[string]string{
		"X-User": "u", "X-Present": "1", "X-Exact": "Value", "X-Any-Case": "VALUE", "X-Not-Exact": "other",
		"X-Contains": "a mid b", "X-Not-Contains": "other", "X-Regex": "aab",
	}
	failing := map[string]string{
		"X-Not-Present": "1", "X-Exact": "value", "X-Any-Case": "values", "X-Not-Exact": "Value", "X-Missing": "Value",
		"X-Contains": "other", "X-Not-Contains": "a mid b", "X-Regex": "xaab", "X-Unless": "1",
	}
	matched := "tier=gold,user=u"
	for _, name := range []string{"present", "notpresent", "exact", "any-case", "notexact", "missing", "contains", "notcontains", "regex", "unless"} {
		matched += "|header_match=" + name
	}
	for _, c := range []struct{ every, plain string }{
		{"http://a.${DOMAIN}/", "http://a.${DOMAIN}/own"},
		{"https://b.${DOMAIN}/own", "https://b.${DOMAIN}/"},
	} {
		t.Send(suite.Request{URL: c.every, Headers: matching}, suite.From("shop"), limits(all+"|"+matched))
		t.Send(suite.Request{URL: c.every, Headers: failing}, suite.From("shop"), limits(all))
		t.Send(suite.Request{URL: c.plain, Headers: matching}, suite.From("shop"), limits(map[bool]string{true: "generic_key=route", false: "generic_key=host"}[strings.HasSuffix(c.plain, "/own")]))
	}
	t.Get("https://b.${DOMAIN}/kept", suite.From("shop"), limits("generic_key=host"))
	for _, host := range []string{"http://a.${DOMAIN}", "https://b.${DOMAIN}"} {
		t.Get(host+"/over", suite.Status(http.StatusTooManyRequests))
		t.Get(host+"/free", suite.From("shop"), suite.Header(backend.LimitsHeader, ""))
	}
	for _, host := range []string{"http://c.${DOMAIN}/", "https://d.${DOMAIN}/"} {
		t.Get(host, suite.From("shop"), suite.Header(backend.LimitsHeader, ""))
	}
	valid(t, "a")
	valid(t, "b")
}

// limits requires that the rate limit service was asked about exactly these descriptors, as backend.LimitsHeader has them; the
// client's address is ADDRESS.
func limits(want string) suite.Check {
	return func(a traffic.Answer) string {
		const key = "remote_address="
		got := a.Headers.Get(backend.LimitsHeader)
		if before, rest, found := strings.Cut(got, key); found {
			end := strings.IndexAny(rest+"|", ",|")
			if _, err := netip.ParseAddr(strings.ReplaceAll(rest[:end], "%3A", ":")); err != nil {
				return fmt.Sprintf("%s of %q: %v", key, got, err)
			}
			got = before + key + "ADDRESS" + rest[end:]
		}
		if want := "conformance|" + want; got != want {
			return fmt.Sprintf("the rate limit service was asked about %q, want %q", got, want)
		}
		return ""
	}
}
