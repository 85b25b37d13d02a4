package stagetest

import contourv1 "contour.example/contour/api/projectcontour/v1"

// loadBalancer rarely returns a policy.
func (g *Random) loadBalancer() *contourv1.LoadBalancerPolicy {
	if !g.oneIn(5) {
		return nil
	}
	p := &contourv1.LoadBalancerPolicy{Strategy: mostly(g, texts{"", "RoundRobin", "Random", "WeightedLeastRequest", "Cookie", "RequestHash", "RequestHash"}, "Fastest")}
	g.repeat(4, func() {
		h := contourv1.RequestHashPolicy{Terminal: g.oneIn(3), HashSourceIP: g.oneIn(4)}
		if g.oneIn(3) {
			h.HeaderHashOptions = &contourv1.HeaderHashOptions{HeaderName: mostly(g, texts{"X-A", "x-a", "X-B"}, "", "bad name", ":path")}
		}
		if g.oneIn(3) {
			h.QueryParameterHashOptions = &contourv1.QueryParameterHashOptions{ParameterName: mostly(g, texts{"q", "r", "é"}, "", "a\nb")}
		}
		p.RequestHashPolicies = append(p.RequestHashPolicies, h)
	})
	return p
}

// healthCheck rarely returns a policy.
func (g *Random) healthCheck() *contourv1.HTTPHealthCheckPolicy {
	if !g.oneIn(8) {
		return nil
	}
	p := &contourv1.HTTPHealthCheckPolicy{
		Path: mostly(g, texts{"/", "/health?x=%41", "/é"}, "", "health", "/\r\n"), Host: mostly(g, texts{"", "", "a.example.com:80"}, "a b", "a\r\nb"),
		IntervalSeconds: mostly(g, []int64{0, 1, 60}, -1, 1<<40), TimeoutSeconds: mostly(g, []int64{0, 1}, -1, 1<<40),
		HealthyThresholdCount: mostly(g, []int64{0, 1}, -1, 1<<40), UnhealthyThresholdCount: mostly(g, []int64{0, 5}, -1),
	}
	g.repeat(2, func() {
		p.ExpectedStatuses = append(p.ExpectedStatuses, mostly(g, []contourv1.HTTPStatusRange{{Start: 200, End: 300}, {Start: 100, End: 600}}, contourv1.HTTPStatusRange{Start: 300, End: 200}, contourv1.HTTPStatusRange{Start: -1, End: 1 << 40}))
	})
	return p
}

// upstream rarely sets what few services have.
func (g *Random) upstream(s *contourv1.Service) {
	s.Mirror, s.CookieRewritePolicies = g.oneIn(8), g.cookieRewrites()
	if g.oneIn(6) {
		s.HealthPort = mostly(g, []int{80, 81}, 0, 65536, -1)
	}
	if g.oneIn(10) {
		s.SlowStartPolicy = &contourv1.SlowStartPolicy{
			Window: mostly(g, texts{"1s", "1h", "1us"}, "", "infinity", "0s", "-1s"), Aggression: mostly(g, texts{"", "1.0", ".5", "100"}, "0", "NaN", "Inf", "x", "-1"),
			MinimumWeightPercent: mostly(g, []uint32{0, 10, 100}, 101, 1<<32-1),
		}
	}
}

// cookieRewrites rarely returns rewrites.
func (g *Random) cookieRewrites() []contourv1.CookieRewritePolicy {
	if !g.oneIn(8) {
		return nil
	}
	var out []contourv1.CookieRewritePolicy
	g.repeat(3, func() {
		c := contourv1.CookieRewritePolicy{Name: mostly(g, texts{"a", "b", "A", "a'b", "%1"}, "", "a b", "a\nb")}
		if g.oneIn(2) {
			c.PathRewrite = &contourv1.CookiePathRewrite{Value: mostly(g, texts{"/", "/a]]--\"\\", "é"}, "", "/;", "/\r\n")}
		}
		if g.oneIn(3) {
			c.DomainRewrite = &contourv1.CookieDomainRewrite{Value: mostly(g, texts{"example.com"}, "", "*.a", "A b")}
		}
		if g.oneIn(2) {
			c.Secure = new(g.oneIn(2))
		}
		if g.oneIn(3) {
			c.SameSite = new(mostly(g, texts{"Lax", "None", "Strict"}, "", "x"))
		}
		out = append(out, c)
	})
	return out
}
