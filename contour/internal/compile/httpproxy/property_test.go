package httpproxy

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/compile/classic"
	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/store"
)

// filler sets fields to random values, valid or not.
type filler struct{ *rand.Rand }

// text returns a random string. The list contains valid and invalid values for most fields.
func (f filler) text() string {
	texts := []string{
		"", "", "a", "b", "c", "root", "other", "web", "web", "web", "a.example.com", "*.example.com", "A.B", "/", "/a", "/a/", "/a/b", "//", "a/b",
		"/[", "/(x|y)", "/.*", "h2", "h2c", "tls", "1.2", "1.3", "5s", "1ns", "-1s", "infinity", "Host", "x-a", "X-A", "%", "%REQ(x-a)%", "%HOSTNAME%",
		"%CONTOUR_NAMESPACE%", "\r\n", "\x00", "\xff", "5xx", "Cookie", "contour", "nginx", "https", "ftp", "default", strings.Repeat("é", 300),
	}
	return texts[f.IntN(len(texts))]
}

func (f filler) number() int64 {
	numbers := []int64{0, 0, 1, 1, 80, 80, 80, 301, 200, -1, -2, 65535, 65536, 1 << 32, -1 << 40}
	return numbers[f.IntN(len(numbers))]
}

// fill sets the fields of v to random values, with a probability that decreases with the depth.
func (f filler) fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text())
	case reflect.Bool:
		v.SetBool(f.IntN(4) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(f.number())
	case reflect.Uint32:
		v.SetUint(uint64(uint32(f.number())))
	case reflect.Pointer:
		if f.IntN(depth+2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.fill(v.Elem(), depth+1)
		}
	case reflect.Slice:
		if f.IntN(depth+2) <= 1 {
			v.Set(reflect.MakeSlice(v.Type(), f.IntN(4), 4))
			for i := range v.Len() {
				f.fill(v.Index(i), depth+1)
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(v.Field(i), depth)
		}
	default: // maps have no effect on routes
	}
}

// repair sets fields to valid values, so that most proxies have valid routes.
func (f filler) repair(p *contourv1.HTTPProxy) {
	names := []string{"a", "b", "c", "missing"}
	for i := range p.Spec.Includes {
		p.Spec.Includes[i].Name, p.Spec.Includes[i].Namespace = names[f.IntN(len(names))], ""
	}
	for i := range p.Spec.Routes {
		rt := &p.Spec.Routes[i]
		if f.IntN(3) > 0 {
			rt.Conditions = []contourv1.MatchCondition{{Prefix: "/" + names[f.IntN(len(names))]}}
		}
		for j := range rt.Services {
			if f.IntN(3) > 0 {
				rt.Services[j].Name, rt.Services[j].Port = "web", 80
			}
		}
		if f.IntN(2) == 0 {
			*rt = contourv1.Route{Conditions: rt.Conditions, Services: rt.Services, PathRewritePolicy: rt.PathRewritePolicy}
		}
	}
	if f.IntN(3) > 0 {
		p.Spec.IngressClassName = ""
	}
}

// batch returns a random root, proxies that it may include and a Service.
func (f filler) batch() []store.Change {
	svc := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
	out := []store.Change{{Key: kobj.Of(kobj.Service, "default", "web"), Object: svc}}
	for _, name := range []string{"root", "a", "b", "c"} {
		p := &contourv1.HTTPProxy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
		f.fill(reflect.ValueOf(&p.Spec).Elem(), 0)
		f.repair(p)
		p.Spec.VirtualHost = nil
		if name == "root" {
			p.Spec.VirtualHost = &contourv1.VirtualHost{}
			f.fill(reflect.ValueOf(p.Spec.VirtualHost).Elem(), 1)
			if f.IntN(4) > 0 {
				p.Spec.VirtualHost.Fqdn = "a.example.com"
			}
		}
		out = append(out, store.Change{Key: kobj.Of(kobj.HTTPProxy, "default", name), Object: p})
	}
	return out
}

func FuzzRoot(f *testing.F) {
	for seed := range uint64(3000) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		random := filler{rand.New(rand.NewPCG(seed, 1))}
		batch := random.batch()
		got := newFixture(t, config.Default()).compile(t, batch)
		shuffled := slices.Clone(batch)
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if d := cmp.Diff(got, newFixture(t, config.Default()).compile(t, shuffled)); d != "" {
			t.Errorf("the order of objects changes the result:\n%s", d)
		}
		for _, c := range got {
			checkRoutes(t, c)
			checkAnswered(t, c, batch)
		}
	})
}

// checkRoutes checks every route against the invariants of package ir.
func checkRoutes(t *testing.T, c compiled) {
	t.Helper()
	failed := slices.ContainsFunc(c.Diagnostics, func(d report.Diagnostic) bool { return d.Severity == report.Error })
	for _, k := range c.Contributions {
		for _, rt := range k.Routes {
			if problem := routeProblem(rt); problem != "" {
				t.Errorf("%s: %s: %+v", k.Key, problem, rt)
			}
			if rt.Direct != nil && rt.Direct.Code >= 500 && rt.Direct.Body == "" && !failed {
				t.Errorf("%s: a route answers with an error, without a diagnostic: %+v", k.Key, rt)
			}
		}
		if k.TCP != nil && (len(k.TCP.Backends) == 0 || len(k.Routes) > 0) {
			t.Errorf("%s: a tcpproxy without backends or with routes", k.Key)
		}
	}
}

func routeProblem(rt ir.Route) string {
	actions := 0
	for _, set := range []bool{rt.Forward != nil, rt.Redirect != nil, rt.Direct != nil} {
		if set {
			actions++
		}
	}
	switch {
	case actions != 1:
		return fmt.Sprintf("%d actions", actions)
	case !strings.HasPrefix(rt.Match.Path.Value, "/"):
		return "no path"
	case rt.Forward != nil && len(withWeight(rt.Forward.Backends)) == 0:
		return "no backend with a weight"
	case rt.Redirect != nil && rt.Redirect.Path != "" && rt.Redirect.Prefix != "":
		return "a redirect with both path and prefix"
	case rt.Forward != nil && rt.Forward.Rewrite != nil && strings.Contains(rt.Forward.Rewrite.Prefix, "//"):
		return "a rewrite with //"
	}
	for _, h := range slices.Concat(rt.RequestHeaders.Set, rt.ResponseHeaders.Set) {
		if strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
			return "a header with control characters"
		}
	}
	return ""
}

// checkAnswered checks that every route of the root with valid conditions is served.
func checkAnswered(t *testing.T, c compiled, batch []store.Change) {
	t.Helper()
	i := slices.IndexFunc(c.Contributions, func(k contrib.Contribution) bool { return k.Key.Listener == classic.HTTP() })
	if i < 0 {
		return
	}
	key := kobj.Key{Kind: kobj.HTTPProxy, Name: c.Root}
	served, valid := 0, 0
	for _, rt := range c.Contributions[i].Routes {
		if rt.Origin == key {
			served++
		}
	}
	for _, o := range batch {
		if o.Key != key {
			continue
		}
		for n := range o.Object.(*contourv1.HTTPProxy).Spec.Routes {
			if !slices.ContainsFunc(c.Diagnostics, func(d report.Diagnostic) bool {
				return d.Object == key && d.Severity == report.Error && strings.HasPrefix(d.Field, fmt.Sprintf("spec.routes[%d].conditions", n))
			}) {
				valid++
			}
		}
	}
	if served < valid {
		t.Errorf("%d routes are served, but the conditions of %d are valid", served, valid)
	}
}
