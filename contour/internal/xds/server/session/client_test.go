package session_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/xds/server/session"
	"contour.example/contour/internal/xds/table"
)

type (
	response        = discoveryv3.DeltaDiscoveryResponse
	request         = discoveryv3.DeltaDiscoveryRequest
	resourceMessage = discoveryv3.Resource
)

// Bodies in these tests are texts: "text;needs=CDS:a,EDS:b;". A body with BAD in it is rejected.
func body(text string, needs ...table.Ref) []byte {
	var names []string
	for _, n := range needs {
		names = append(names, n.Type.String()+":"+n.Name)
	}
	return fmt.Appendf(nil, "%s;needs=%s;", text, strings.Join(names, ","))
}

// next is the next response, as a message; nil if there is none.
func next(s *session.State, now time.Time) *response {
	if r := s.Next(now); r != nil {
		return r.Message()
	}
	return nil
}

func needsOf(text string) []table.Ref {
	var refs []table.Ref
	for chunk := range strings.SplitSeq(text, "needs=") {
		list, _, found := strings.Cut(chunk, ";")
		if !found {
			continue
		}
		for n := range strings.SplitSeq(list, ",") {
			service, name, ok := strings.Cut(n, ":")
			for _, t := range table.Types() {
				if ok && t.String() == service {
					refs = append(refs, table.Ref{Type: t, Name: name})
				}
			}
		}
	}
	return refs
}

func simple(ref table.Ref, text string, needs ...table.Ref) *table.Resource {
	return &table.Resource{Ref: ref, Body: body(text, needs...), Needs: needs}
}

func composite(ref table.Ref, header string, parts ...table.Part) *table.Resource {
	return &table.Resource{Ref: ref, Body: protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), header), Field: 2, Parts: parts}
}

func part(name, text string, needs ...table.Ref) table.Part {
	return table.Part{Name: name, Body: body(name+":"+text, needs...), Needs: needs}
}

func cds(name string) table.Ref { return table.Ref{Type: table.Cluster, Name: name} }
func eds(name string) table.Ref { return table.Ref{Type: table.Endpoint, Name: name} }
func sds(name string) table.Ref { return table.Ref{Type: table.Secret, Name: name} }
func lds(name string) table.Ref { return table.Ref{Type: table.Listener, Name: name} }
func srd(name string) table.Ref { return table.Ref{Type: table.Scope, Name: name} }
func rds(name string) table.Ref { return table.Ref{Type: table.Route, Name: name} }

// rejects reports whether all clients reject a body, or the client of that name.
func rejects(text, client string) bool {
	return strings.Contains(text, "BAD") || strings.Contains(text, "ODD:"+client+";")
}

// client behaves like Envoy: it subscribes to all clusters and listeners, and by name to what
// those need; it answers CDS responses in order, each when its clusters are warm; it applies
// an arbitrary part of a response that it refuses. It checks every message.
type client struct {
	t         *testing.T
	name      string
	chance    func(n int) bool   // true once in n times
	noNames   bool               // its errors name no resource
	alone     bool               // there is no other client
	returns   bool               // former content comes back
	agrees    bool               // with all other clients
	lies      bool               // it rejects at times what it uses, and accepts what it does not use; it checks nothing
	uncertain map[table.Ref]bool // were last in a response that it rejected: only the client knows whether it has them
	resumed   bool               // it has reconnected, so that the session need not know the content of what it has

	has      map[table.Ref]string // what it uses
	warming  map[table.Ref]string // clusters that wait for endpoints and secrets
	version  map[table.Ref]string // what it reports on reconnect
	unsure   map[table.Ref]bool   // reported version may be older than what it uses
	fed      map[table.Ref]bool   // answered by name since the last update of a cluster that needs it
	subs     map[table.Type]map[string]bool
	rejected map[string]table.Ref // bodies that were rejected alone, and are not forgotten
	refusing map[*request]string  // the same, while the server does not know yet

	acks     []*request // CDS answers, waiting for their turn
	waitsFor []([]table.Ref)
	up       []*request
	got      map[table.Type]int // resources received
	nacks    int
}

func newClient(t *testing.T, name string, chance func(int) bool) *client {
	c := &client{
		t: t, name: name, chance: chance,
		has: map[table.Ref]string{}, warming: map[table.Ref]string{}, version: map[table.Ref]string{}, unsure: map[table.Ref]bool{},
		fed: map[table.Ref]bool{}, rejected: map[string]table.Ref{}, uncertain: map[table.Ref]bool{},
	}
	c.connect()
	return c
}

// connect starts a stream; what was on its way is lost.
func (c *client) connect() {
	c.up, c.acks, c.waitsFor, c.got = nil, nil, nil, map[table.Type]int{}
	c.refusing = map[*request]string{}
	if c.subs == nil {
		c.subs = map[table.Type]map[string]bool{table.Endpoint: {}, table.Secret: {}, table.Route: {}}
	}
	for _, t := range table.Types() {
		r := &request{TypeUrl: t.URL(), InitialResourceVersions: map[string]string{}}
		for ref, v := range c.version {
			if ref.Type == t {
				r.InitialResourceVersions[ref.Name] = v
			}
		}
		r.ResourceNamesSubscribe = slices.Sorted(maps.Keys(c.subs[t]))
		if t.Collective() || len(r.ResourceNamesSubscribe) > 0 {
			c.up = append(c.up, r)
		}
	}
}

// receive handles a response. exempt are needs that could not be met when it was made.
func (c *client) receive(resp *response, exempt map[table.Ref]bool) {
	t, _ := table.TypeOf(resp.GetTypeUrl())
	for _, name := range resp.GetRemovedResources() {
		c.remove(table.Ref{Type: t, Name: name})
	}
	bad := c.bad(resp)
	all := bad == nil || t == table.Cluster || t == table.Listener
	var waits []table.Ref
	for _, r := range resp.GetResources() {
		ref := table.Ref{Type: t, Name: r.GetName()}
		text := string(r.GetResource().GetValue())
		c.got[t]++
		c.uncertain[ref] = bad != nil
		c.check(ref, text, exempt)
		c.fed[ref] = true // a rejected answer ends the wait as well
		if slices.Contains(bad, r) || !all && c.chance(2) {
			continue
		}
		if c.subs[t] != nil && !c.subs[t][ref.Name] {
			continue // unsubscribed meanwhile
		}
		c.apply(ref, text)
		waits = append(waits, ref)
		if bad == nil {
			c.forgetRejected(ref)
			c.version[ref] = r.GetVersion()
			delete(c.unsure, ref)
		} else {
			c.unsure[ref] = true
		}
	}
	answer := &request{TypeUrl: resp.GetTypeUrl(), ResponseNonce: resp.GetNonce()}
	if bad != nil {
		answer.ErrorDetail = &status.Status{Code: 13, Message: c.detail(t, bad)}
		c.nacks++
		if len(resp.GetResources()) == 1 || !c.noNames && (t == table.Cluster || t == table.Listener) && len(bad) == 1 {
			c.refusing[answer] = string(bad[0].GetResource().GetValue())
		}
	}
	if c.lies && c.chance(4) {
		c.lie(answer, bad != nil)
	}
	c.warmUp()
	c.answer(t, answer, waits)
	c.subscribe()
}

// forgetRejected forgets what it rejected of a resource before it accepted something else. What all clients of a fleet
// reject is never forgotten, if it is known which piece it is.
func (c *client) forgetRejected(ref table.Ref) {
	if c.alone && ref.Type != table.Route && ref.Type != table.Listener {
		return
	}
	maps.DeleteFunc(c.rejected, func(_ string, of table.Ref) bool { return of == ref })
}

// remembers reports whether what the client rejects of the resource is never sent again. What others accept may be: they
// fall back to it. Of a resource with parts, the same parts may come back before it is known which one is bad.
func (c *client) remembers(ref table.Ref) bool {
	return c.agrees && (!c.returns || ref.Type != table.Route && ref.Type != table.Listener)
}

// lie turns an answer into its opposite.
func (c *client) lie(answer *request, rejects bool) {
	delete(c.refusing, answer)
	if answer.ErrorDetail = nil; !rejects {
		answer.ErrorDetail = &status.Status{Code: 13, Message: "r1-h0 c1: a lie"}
	}
}

func (c *client) bad(resp *response) []*discoveryv3.Resource {
	var bad []*discoveryv3.Resource
	for _, r := range resp.GetResources() {
		if rejects(string(r.GetResource().GetValue()), c.name) {
			bad = append(bad, r)
		}
	}
	return bad
}

func (c *client) detail(t table.Type, bad []*discoveryv3.Resource) string {
	if c.noNames || t == table.Secret || t == table.Endpoint {
		return "something is wrong"
	}
	detail := "Error adding/updating:"
	for _, r := range bad {
		detail += " " + r.GetName() + ": wrong"
	}
	return detail
}

// check holds what a message must never do.
func (c *client) check(ref table.Ref, text string, exempt map[table.Ref]bool) {
	if c.lies {
		return
	}
	for _, need := range needsOf(text) {
		gate := need.Type == table.Cluster || ref.Type == table.Route
		if gate && c.has[need] == "" && !exempt[need] {
			c.t.Errorf("%s: %v was sent before the client had %v", c.name, ref, need)
		}
	}
}

func (c *client) remove(ref table.Ref) {
	for holder, text := range c.has {
		idle := (holder.Type == table.Scope || holder.Type == table.Route) && !c.inUse()[holder]
		if c.has[ref] != "" && slices.Contains(needsOf(text), ref) && !idle && !c.lies {
			c.t.Errorf("%s: %v was removed although %v needs it", c.name, ref, holder)
		}
	}
	delete(c.has, ref)
	delete(c.version, ref)
	delete(c.warming, ref)
	delete(c.unsure, ref)
	c.fed[ref] = true
	c.warmUp()
}

// inUse is what requests can come by.
func (c *client) inUse() map[table.Ref]bool {
	used := map[table.Ref]bool{}
	var visit func(ref table.Ref)
	visit = func(ref table.Ref) {
		if used[ref] || c.has[ref] == "" {
			return
		}
		used[ref] = true
		for _, n := range needsOf(c.has[ref]) {
			visit(n)
		}
	}
	for ref := range c.has {
		if ref.Type == table.Listener {
			visit(ref)
		}
	}
	return used
}

func (c *client) apply(ref table.Ref, text string) {
	if ref.Type != table.Cluster {
		c.has[ref] = text
		return
	}
	c.warming[ref] = text
	for _, need := range needsOf(text) {
		if need.Type == table.Endpoint || !c.subs[need.Type][need.Name] {
			delete(c.fed, need)
		}
	}
}

// warmUp puts clusters to use that have all that they wait for.
func (c *client) warmUp() {
	for ref, text := range c.warming {
		if !slices.ContainsFunc(needsOf(text), func(n table.Ref) bool { return !c.fed[n] }) {
			c.has[ref] = text
			delete(c.warming, ref)
		}
	}
}

// giveUp ends the waiting for what does not exist; Envoy does so after 15 seconds.
func (c *client) giveUp(watch *table.Watch) bool {
	gave := false
	for _, text := range c.warming {
		for _, need := range needsOf(text) {
			if !c.fed[need] && watch.Get(need) == nil {
				c.fed[need], gave = true, true
			}
		}
	}
	c.warmUp()
	return gave
}

func (c *client) answer(t table.Type, answer *request, waits []table.Ref) {
	if t != table.Cluster {
		c.post(answer)
		return
	}
	c.acks, c.waitsFor = append(c.acks, answer), append(c.waitsFor, waits)
}

// release sends the CDS answers whose turn has come.
func (c *client) release() {
	for len(c.acks) > 0 {
		if slices.ContainsFunc(c.waitsFor[0], func(r table.Ref) bool { return c.warming[r] != "" }) {
			return
		}
		c.up = append(c.up, c.acks[0])
		c.acks, c.waitsFor = c.acks[1:], c.waitsFor[1:]
	}
}

// subscribe asks for what is needed and gives up what is not.
func (c *client) subscribe() {
	want := map[table.Type]map[string]bool{table.Endpoint: {}, table.Secret: {}, table.Route: {}}
	for _, held := range []map[table.Ref]string{c.has, c.warming} {
		for ref, text := range held {
			if !ref.Type.Collective() {
				continue
			}
			for _, n := range needsOf(text) {
				if want[n.Type] != nil {
					want[n.Type][n.Name] = true
				}
			}
		}
	}
	for _, t := range []table.Type{table.Endpoint, table.Secret, table.Route} {
		r := &request{TypeUrl: t.URL()}
		for _, name := range slices.Sorted(maps.Keys(want[t])) {
			if !c.subs[t][name] {
				r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(c.subs[t])) {
			if !want[t][name] {
				r.ResourceNamesUnsubscribe = append(r.ResourceNamesUnsubscribe, name)
				ref := table.Ref{Type: t, Name: name}
				delete(c.has, ref)
				delete(c.version, ref)
				delete(c.fed, ref)
				delete(c.unsure, ref)
			}
		}
		c.subs[t] = want[t]
		if len(r.ResourceNamesSubscribe)+len(r.ResourceNamesUnsubscribe) > 0 {
			c.post(r)
		}
	}
}

// post puts a request on the wire. What was not sent before, for the same type, goes with it at times: of answers there
// is a request each, but names travel with any of them, and a name given up and wanted again is just wanted.
func (c *client) post(r *request) {
	last := len(c.up) - 1
	for last >= 0 && c.up[last].GetTypeUrl() != r.GetTypeUrl() {
		last--
	}
	if last >= 0 && c.up[last].InitialResourceVersions == nil && (c.up[last].GetResponseNonce() == "" || r.GetResponseNonce() == "") && c.chance(2) {
		former := c.up[last]
		c.up = slices.Delete(c.up, last, last+1)
		c.merge(former, r)
	}
	c.up = append(c.up, r)
}

func (c *client) merge(former, into *request) {
	without := func(names, others []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(others, name) })
	}
	sub, unsub := into.ResourceNamesSubscribe, into.ResourceNamesUnsubscribe
	into.ResourceNamesSubscribe = append(without(former.ResourceNamesSubscribe, slices.Concat(sub, unsub)), sub...)
	into.ResourceNamesUnsubscribe = append(without(former.ResourceNamesUnsubscribe, slices.Concat(sub, unsub)), unsub...)
	if former.GetResponseNonce() != "" {
		into.ResponseNonce, into.ErrorDetail = former.ResponseNonce, former.ErrorDetail
		if text, ok := c.refusing[former]; ok {
			c.refusing[into] = text
		}
	}
}

// link is a client, its session, and what is on the wire between them.
type link struct {
	client *client
	table  *table.Table
	watch  *table.Watch
	state  *session.State
	down   []*response
	exempt []map[table.Ref]bool
	sent   int // responses
}

func connect(c *client, tab *table.Table, limits session.Limits) *link {
	l := &link{client: c, table: tab, watch: tab.Watch(c.name), state: session.New(limits)}
	c.t.Cleanup(l.watch.Close)
	return l
}

// reconnect starts a new stream of the same client.
func (l *link) reconnect(limits session.Limits) {
	l.watch.Close()
	l.watch, l.state = l.table.Watch(l.client.name), session.New(limits)
	l.down, l.exempt = nil, nil
	l.client.resumed = true
	// What a client rejects that others do not is forgotten when it leaves, and so are searches.
	maps.DeleteFunc(l.client.rejected, func(_ string, of table.Ref) bool {
		return !l.client.alone || of.Type == table.Route || of.Type == table.Listener
	})
	l.client.connect()
}

// apply hands the changes of the table to the session, and those that come of what it says about them.
func (l *link) apply() {
	for {
		select {
		case <-l.watch.C():
			changes, _ := l.watch.Take()
			l.watch.Accept(l.state.Apply(changes))
		default:
			return
		}
	}
}

// serve makes one response, if there is one.
func (l *link) serve(now time.Time) bool {
	l.apply()
	resp := next(l.state, now)
	if resp == nil {
		return false
	}
	exempt := map[table.Ref]bool{}

	for _, r := range resp.GetResources() {
		text := string(r.GetResource().GetValue())
		if ref, again := l.client.rejected[text]; again && !l.client.lies {
			l.client.t.Errorf("%s: %v is sent again although it was rejected: %s", l.client.name, ref, text)
		}
		for _, n := range needsOf(text) {
			if l.watch.Get(n) == nil {
				exempt[n] = true
			}
		}
		for _, rejection := range l.table.Rejections() {
			if v := l.watch.Get(rejection.Ref); !l.client.agrees || v != nil && v.Hash == r.GetVersion() {
				continue // retried, or rejected by others
			}
			if rejection.Ref.Name == r.GetName() && rejection.Ref.Type.URL() == resp.GetTypeUrl() && rejection.Hash == r.GetVersion() {
				l.client.t.Errorf("quarantined %v is sent", rejection.Ref)
			}
		}
	}
	l.down, l.exempt = append(l.down, resp), append(l.exempt, exempt)
	l.sent++
	return true
}

// deliver hands the oldest response on the wire to the client.
func (l *link) deliver() bool {
	if len(l.down) == 0 {
		return false
	}
	resp, exempt := l.down[0], l.exempt[0]
	l.down, l.exempt = l.down[1:], l.exempt[1:]
	l.client.receive(resp, exempt)
	return true
}

// answer hands the oldest request on the wire to the session.
func (l *link) answer(now time.Time) bool {
	l.client.release()
	if len(l.client.up) == 0 {
		return false
	}
	req := l.client.up[0]
	l.client.up = l.client.up[1:]
	l.apply()
	verdict, err := l.state.Request(req, now)
	if err != nil {
		l.client.t.Fatal(err)
	}
	if body, ok := l.client.refusing[req]; ok && verdict.Rejected != nil && l.client.remembers(verdict.Rejected.Ref) {
		l.client.rejected[body] = verdict.Rejected.Ref
	}
	l.watch.Accept(verdict.Accepted)
	if verdict.Rejected != nil {
		l.watch.Reject(verdict.Rejected, verdict.ErrorDetail, verdict.Has)
	}
	return true
}

// runUntilIdle exchanges messages until all links are idle; the time does not advance.
func runUntilIdle(t *testing.T, now time.Time, links ...*link) {
	t.Helper()
	for range 100_000 {
		busy := false
		for _, l := range links {
			busy = l.serve(now) || busy
			busy = l.deliver() || busy
			busy = l.answer(now) || busy
		}
		for _, l := range links {
			busy = busy || l.client.giveUp(l.watch)
		}
		if !busy {
			return
		}
	}
	t.Fatal("the sessions do not come to rest")
}
