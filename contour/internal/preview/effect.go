package preview

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/ir/irtext"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/semantic"
)

// effect is what happens to the requests that a route matches, beyond the answer to one of them: settings by their path, such as
// forward.timeout.
type effect map[string]string

// effectOf returns the effect of a route, in a form that is the same for all ways to specify it.
func (p *Preview) effectOf(v *ir.VirtualHost, r *ir.Route) effect {
	c := ir.Route{Forward: r.Forward, RequestHeaders: canonicalEdits(r.RequestHeaders), ResponseHeaders: canonicalEdits(r.ResponseHeaders)}
	policies := r.Policies.WithDefaults(v.Policies)
	if policies.JWT != nil {
		own := *policies.JWT
		if provider := own.Provider(); provider != nil {
			unnamed := *provider
			unnamed.Name = ""
			own.Providers, own.Require = &ir.JWTProviders{List: []ir.JWTProvider{unnamed}}, "token"
		} else {
			own.Providers = nil
		}
		policies.JWT = &own
	}
	if r.Forward == nil {
		policies.CORS, policies.Cookies = nil, nil
	} else {
		f := *r.Forward
		f.Rewrite, f.Backends = nil, p.canonicalBackends(f.Services()) // answers have the path
		if f.Special != nil && f.Special.Targets != nil {
			special := *f.Special
			special.Targets, f.Special = nil, &special
		}
		c.Forward = &f
	}
	c.Policies = &policies
	return flatten(c)
}

// canonicalBackends orders the backends, and reduces their weights to the smallest ones with the same shares.
func (p *Preview) canonicalBackends(of []ir.Backend) []ir.Backend {
	out := slices.Clone(of)
	var common uint32
	for _, b := range out {
		common = divisor(common, b.Weight)
	}
	for i := range out {
		b := &out[i]
		b.Weight /= max(1, common)
		b.Cluster.Port = 0 // which only names the cluster
		b.Cluster.TLS.CA = p.contentName(kobj.Secret, b.Cluster.TLS.CA, "ca.crt")
		b.RequestHeaders, b.ResponseHeaders = canonicalEdits(b.RequestHeaders), canonicalEdits(b.ResponseHeaders)
	}
	out = slices.DeleteFunc(out, func(b ir.Backend) bool { return b.Weight == 0 && len(of) > 1 })
	slices.SortStableFunc(out, func(a, b ir.Backend) int {
		return strings.Compare(a.Cluster.Endpoints.Service.String()+"/"+a.Cluster.Endpoints.Port, b.Cluster.Endpoints.Service.String()+"/"+b.Cluster.Endpoints.Port)
	})
	return out
}

func divisor(a, b uint32) uint32 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// canonicalEdits orders edits of different headers.
func canonicalEdits(e ir.HeaderEdits) ir.HeaderEdits {
	out := ir.HeaderEdits{Set: slices.Clone(e.Set), Remove: slices.Clone(e.Remove)}
	slices.SortStableFunc(out.Set, func(a, b ir.Header) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	slices.Sort(out.Remove)
	return out
}

// contentName replaces the name of a Secret by the hash of a part of it that is public.
func (p *Preview) contentName(k kobj.Kind, n kobj.Name, key string) kobj.Name {
	s, ok := p.objects[kobj.Key{Kind: k, Name: n}].(*corev1.Secret)
	if !ok {
		return n
	}
	content := s.Data[key]
	if text, ok := s.StringData[key]; ok {
		content = []byte(text)
	}
	sum := sha256.Sum256(content)
	return kobj.Name{Name: "sha256:" + hex.EncodeToString(sum[:8])}
}

// connectionEffect is what the host says about connections: TLS, and the backends of a TCP proxy.
func (p *Preview) connectionEffect(v *ir.VirtualHost) effect {
	if v == nil {
		return effect{}
	}
	var c ir.VirtualHost
	if v.TLS != nil {
		t := *v.TLS
		t.Certificate, t.Fallback = p.contentName(kobj.Secret, t.Certificate, "tls.crt"), p.contentName(kobj.Secret, t.Fallback, "tls.crt")
		t.Clients.CA, t.Clients.CRL = p.contentName(kobj.Secret, t.Clients.CA, "ca.crt"), p.contentName(kobj.Secret, t.Clients.CRL, "crl.pem")
		c.TLS = &t
	}
	if v.TCP != nil {
		c.TCP = &ir.TCPProxy{Backends: p.canonicalBackends(v.TCP.Backends), Datagrams: v.TCP.Datagrams}
	}
	return flatten(c)
}

// flatten returns the settings of a value of the model by their path.
func flatten(v any) effect {
	out := effect{}
	text, err := irtext.Marshal(v)
	var tree any
	if err != nil || yaml.Unmarshal(text, &tree) != nil {
		return out
	}
	out.add("", tree)
	return out
}

func (e effect) add(path string, tree any) {
	switch t := tree.(type) {
	case map[string]any:
		for k, v := range t {
			e.add(strings.TrimPrefix(path+"."+k, "."), v)
		}
	case []any:
		for i, v := range t {
			e.add(fmt.Sprintf("%s[%d]", path, i), v)
		}
	case nil:
	default:
		e[path] = fmt.Sprint(t)
	}
}

// Setting is a setting that differs.
type Setting struct {
	Path string `json:"path"`
	// Old and New are the values, "" for none; neither is given of what may be secret.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

func (s Setting) String() string {
	if s.Old == "" && s.New == "" {
		return s.Path
	}
	text := func(v string) string {
		if v == "" {
			return "none"
		}
		return v
	}
	return fmt.Sprintf("%s %s -> %s", s.Path, text(s.Old), text(s.New))
}

// differences returns the settings in which two effects differ.
func (e effect) differences(o effect) []Setting {
	var out []Setting
	for k, v := range e {
		if o[k] != v {
			out = append(out, setting(k, v, o[k]))
		}
	}
	for k, v := range o {
		if _, both := e[k]; !both {
			out = append(out, setting(k, "", v))
		}
	}
	slices.SortFunc(out, func(a, b Setting) int { return strings.Compare(a.Path, b.Path) })
	return out
}

func setting(path, old, updated string) Setting {
	lower := strings.ToLower(path)
	for _, part := range []string{"header", "context", "body", "jwt", "cookie", "set.", "removed", "hash"} {
		if strings.Contains(lower, part) {
			return Setting{Path: path}
		}
	}
	return Setting{path, old, updated}
}

// outcome is what the client and the backends see of an answer.
func outcome(a semantic.Answer) string {
	if len(a.From) == 0 {
		if a.Refused {
			return "no connection"
		}
		return strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, a.Location))
	}
	var parts []string
	for _, u := range reduced(a) {
		parts = append(parts, fmt.Sprintf("%d of %s as %s%s", u.Weight, u.Service, u.Host, u.Path))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d from %s", a.Status, strings.Join(parts, ", "))
}

// reduced returns the backends, and an unnamed one for the share that is lost, with the smallest weights that have the same shares.
func reduced(a semantic.Answer) []semantic.Upstream {
	out := slices.Clone(a.From)
	if a.Lost > 0 {
		out = append(out, semantic.Upstream{Weight: a.Lost})
	}
	var common uint32
	for _, u := range out {
		common = divisor(common, u.Weight)
	}
	for i := range out {
		if out[i].Weight /= max(1, common); len(out) == 1 {
			out[i].Weight = 0
		}
	}
	slices.SortStableFunc(out, func(a, b semantic.Upstream) int { return strings.Compare(a.Service, b.Service) })
	return out
}

// details are all parts of an answer by their path.
func details(a semantic.Answer) effect {
	a.From, a.Lost = reduced(a), 0
	for i := range a.From {
		slices.Sort(a.From[i].Request.Removed)
		slices.Sort(a.From[i].Response.Removed)
	}
	out := effect{}
	text, err := json.Marshal(a)
	var tree any
	if err == nil && json.Unmarshal(text, &tree) == nil {
		out.add("", tree)
	}
	return out
}

// target returns the address and port of a listener, as a request names it; "" if it has none.
func target(l *ir.Listener) string {
	if l == nil || len(l.Addresses) == 0 {
		return ""
	}
	return net.JoinHostPort(l.Addresses[0], fmt.Sprint(l.Port))
}
