package stagetest

import (
	"slices"

	contourv1 "contour.example/contour/api/projectcontour/v1"
)

// ipFilters returns one list of addresses or none, rarely two.
func (g *Random) ipFilters() (allow, deny []contourv1.IPFilterPolicy) {
	if !g.oneIn(6) {
		return nil, nil
	}
	list := func() []contourv1.IPFilterPolicy {
		var out []contourv1.IPFilterPolicy
		for range 1 + g.rand.IntN(3) {
			out = append(out, contourv1.IPFilterPolicy{
				CIDR:   mostly(g, texts{"10.0.0.0/8", "10.1.2.3/16", "127.0.0.1", "0.0.0.0/0", "::/0", "fd00::1", "::ffff:10.0.0.0/104"}, "", "10.0.0.0/33", "fe80::1%eth0", "host"),
				Source: mostly(g, []contourv1.IPFilterSource{contourv1.IPFilterSourcePeer, contourv1.IPFilterSourceRemote}, "", "Other"),
			})
		}
		return out
	}
	switch g.rand.IntN(20) {
	case 0:
		return list(), list()
	case 1, 2, 3, 4, 5, 6, 7, 8, 9, 10:
		return list(), nil
	}
	return nil, list()
}

func (g *Random) rateLimit() *contourv1.RateLimitPolicy {
	if !g.oneIn(6) {
		return nil
	}
	p := &contourv1.RateLimitPolicy{}
	if !g.oneIn(6) {
		p.Local = &contourv1.LocalRateLimitPolicy{
			Requests: mostly(g, []uint32{1, 7, 1 << 31}, 0), Unit: mostly(g, texts{"second", "minute", "hour"}, "", "day"),
			Burst: mostly(g, []uint32{0, 3}, 1<<32-1), ResponseStatusCode: mostly(g, []uint32{0, 400, 429, 503}, 200, 418, 599, 600),
		}
		g.repeat(3, func() {
			p.Local.ResponseHeadersToAdd = append(p.Local.ResponseHeadersToAdd, contourv1.HeaderValue{
				Name: mostly(g, texts{"X-Limit", "Retry-After", "X-More"}, "x-limit", "bad name", "Host", ":status", "Transfer-Encoding"), Value: mostly(g, texts{"v", "100%", "%REQ(X-A)%"}, "", "a\r\nb"),
			})
		})
		if g.oneIn(20) {
			p.Local.ResponseHeadersToAdd = slices.Repeat([]contourv1.HeaderValue{{Name: "X-Limit", Value: "v"}}, 11)
		}
	}
	if g.oneIn(3) {
		p.Global = g.globalLimit()
	}
	return p
}

func (g *Random) globalLimit() *contourv1.GlobalRateLimitPolicy {
	p := &contourv1.GlobalRateLimitPolicy{Disabled: g.oneIn(4)}
	g.repeat(3, func() {
		var d contourv1.RateLimitDescriptor
		g.repeat(3, func() { d.Entries = append(d.Entries, g.limitEntry()) })
		p.Descriptors = append(p.Descriptors, d)
	})
	return p
}

func (g *Random) limitEntry() contourv1.RateLimitDescriptorEntry {
	text := func() string { return mostly(g, texts{"a", "b", "over", "%REQ(X-A)%", "é"}, "", "a\nb") }
	var e contourv1.RateLimitDescriptorEntry
	switch g.rand.IntN(20) {
	case 0, 1, 2, 3, 4:
		e.GenericKey = &contourv1.GenericKeyDescriptor{Key: pick(g, "", "k"), Value: text()}
	case 5, 6, 7, 8, 9:
		e.RequestHeader = &contourv1.RequestHeaderDescriptor{HeaderName: mostly(g, texts{"X-A", "x-b", ":path"}, "", "bad name"), DescriptorKey: text()}
	case 10, 11, 12, 13, 14:
		m := &contourv1.RequestHeaderValueMatchDescriptor{ExpectMatch: pick(g, nil, new(true), new(false)), Value: text()}
		for range mostly(g, []int{1, 2}, 0) {
			if h := g.condition(6).Header; h != nil {
				m.Headers = append(m.Headers, *h)
			}
		}
		e.RequestHeaderValueMatch = m
	case 15: // none, or two
		if g.oneIn(2) {
			e.RemoteAddress, e.GenericKey = &contourv1.RemoteAddressDescriptor{}, &contourv1.GenericKeyDescriptor{Value: "a"}
		}
	default:
		e.RemoteAddress = &contourv1.RemoteAddressDescriptor{}
	}
	return e
}

func (g *Random) cors() *contourv1.CORSPolicy {
	if !g.oneIn(6) {
		return nil
	}
	names := func() []contourv1.CORSHeaderValue {
		return mostly(g, [][]contourv1.CORSHeaderValue{{"GET"}, {"GET", "PUT"}, {"*"}, {"X-A"}}, nil, []contourv1.CORSHeaderValue{"a b"}, []contourv1.CORSHeaderValue{"a\r\nb"})
	}
	return &contourv1.CORSPolicy{
		AllowOrigin:  mostly(g, [][]string{{"*"}, {"https://example.org"}, {"http://example.org:8080", "https://.*[.]example[.]org"}, {"HTTPS://Example.org"}, {"null"}}, nil, []string{""}, []string{"*.example.org"}, []string{"https://[a"}, []string{"(?=a)"}),
		AllowMethods: names(), AllowHeaders: names(), ExposeHeaders: names(), MaxAge: g.duration(), AllowCredentials: g.oneIn(2), AllowPrivateNetwork: g.oneIn(2),
	}
}
