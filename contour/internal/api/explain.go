package api

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/preview"
	"contour.example/contour/internal/status"
)

// maxEvaluationAge is about how long an evaluation is kept for further questions.
const maxEvaluationAge = 30 * time.Second

// maxWaitForQuestion is how long a question waits for the one before it.
const maxWaitForQuestion = 10 * time.Second

// explain answers what happens to a request: from what Envoys of the default fleet are to have now, contents that they reject replaced. It is
// evaluated beside the pipeline, one question at a time, since each needs memory.
func (a *API) explain(r *http.Request) (any, *failure) {
	request, fault := requestOf(r, a.Now())
	if fault != nil {
		return nil, fault
	}
	ctx, cancel := context.WithTimeout(r.Context(), maxWaitForQuestion)
	defer cancel()
	select {
	case a.questions <- struct{}{}:
		defer func() { <-a.questions }()
	case <-ctx.Done():
		return nil, busy("other requests are explained at this time")
	}
	p, fault := a.evaluate(r.Context())
	if fault != nil {
		return nil, fault
	}
	if t := a.Fleets.Get(ir.DefaultFleet); t != nil {
		var err error
		if p, err = p.With(t); err != nil {
			return nil, cannotTell(err)
		}
	}
	x, err := p.Explain(request)
	if err != nil {
		return nil, cannotTell(err)
	}
	return apiv1.ExplanationOf(x), nil
}

// cannotTell is the answer to a question that the model does not support.
func cannotTell(err error) *failure {
	return &failure{http.StatusUnprocessableEntity, "cannot tell: " + err.Error()}
}

// requestOf returns the request that a question is about. What is wrong is said without its values.
func requestOf(r *http.Request, now time.Time) (preview.Request, *failure) {
	q := r.URL.Query()
	out, err := preview.RequestTo(q.Get("url"))
	if err != nil {
		return out, badRequest("url: %s", err)
	}
	out.Method, out.Now = "GET", now
	if m := q.Get("method"); m != "" {
		out.Method = strings.ToUpper(m)
	}
	if sni := q.Get("sni"); sni != "" {
		out.SNI = sni
	}
	if out.HTTP2 = q.Get("http2") == "true"; q.Get("websocket") == "true" {
		out.Upgrade = "websocket"
	}
	for _, h := range q["header"] {
		if !out.AddHeader(h) {
			return out, badRequest("header: one has no colon; write it as in 'name: value'")
		}
	}
	return out, nil
}

// evaluate returns what the controller has, without a model of Envoy. It is made again when something has changed.
func (a *API) evaluate(ctx context.Context) (*preview.Preview, *failure) {
	revision := a.History.Revision()
	if a.evaluated.preview != nil && a.evaluated.revision == revision {
		return a.evaluated.preview, nil
	}
	objects, ok := a.objects.all(ctx)
	if !ok {
		return nil, stopping()
	}
	hosts, ok := a.hosts.all(ctx)
	if !ok {
		return nil, stopping()
	}
	l := preview.Live{
		Objects: make(map[kobj.Key]metav1.Object, len(objects)), Desired: make(map[kobj.Key]*status.Desired, len(objects)),
		Hosts: make(map[ir.HostKey]*ir.VirtualHost, len(hosts)), Listeners: map[ir.ListenerKey]*ir.Listener{},
	}
	l.Exists = func(k kobj.Key) bool { return l.Objects[k] != nil }
	for rest := objects; len(rest) > 0; {
		n := min(len(rest), scanStep)
		some, classes, ok := a.peek(ctx, rest[:n])
		if !ok {
			return nil, stopping()
		}
		l.Classes = classes
		for _, e := range rest[:n] {
			if o := some[e.key]; o != nil { // else it is deleted meanwhile
				l.Objects[e.key], l.Desired[e.key] = o, e.value
			}
		}
		rest = rest[n:]
		runtime.Gosched()
	}
	for _, h := range hosts {
		if h.value != nil {
			l.Hosts[h.key] = h.value
		}
	}
	if !scan(ctx, a, func(v View) scanned[ir.ListenerKey, *ir.Listener] { return v.Compile.Listeners }, func(k ir.ListenerKey, x *ir.Listener) {
		if x != nil {
			l.Listeners[k] = x
		}
	}) {
		return nil, stopping()
	}
	a.evaluated = evaluation{revision, preview.Of(l)}
	time.AfterFunc(maxEvaluationAge, a.dropEvaluation)
	return a.evaluated.preview, nil
}

// dropEvaluation releases the objects of a former time, unless a question needs them.
func (a *API) dropEvaluation() {
	select {
	case a.questions <- struct{}{}:
		a.evaluated = evaluation{}
		<-a.questions
	default:
		time.AfterFunc(maxEvaluationAge, a.dropEvaluation)
	}
}
