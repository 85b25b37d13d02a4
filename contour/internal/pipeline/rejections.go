package pipeline

import (
	"slices"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/report"
	"contour.example/contour/internal/xds/fleet"
	"contour.example/contour/internal/xds/table"
)

// confirmTime is the time after which a rejection is reported that other Envoys of the fleet have neither accepted nor
// rejected: an Envoy that is alone with a rejection is reported by its name, and the owner of the object is not.
const confirmTime = 500 * time.Millisecond

// rejections is what was reported of the rejections of all fleets.
type rejections struct {
	seq       uint64            // of what was reported; see fleet.Tables.RejectionSeq
	reported  map[kobj.Key]bool // objects whose status reports a rejection
	confirmed map[contentKey]bool
	confirm   *time.Timer // runs while there is a rejection to be confirmed
	waiting   bool        // it runs
	logged    map[disagreementKey]bool
	disagreed map[disagreementKey]bool // without node: they stand for a while
}

// contentKey is the content of an unconfirmed rejection.
type contentKey struct {
	ref        table.Ref
	part, hash string
}

// disagreementKey is one Envoy's disagreement about one piece.
type disagreementKey struct {
	fleet ir.Fleet
	ref   table.Ref
	part  string
	node  string
}

func newRejections() *rejections {
	r := &rejections{reported: map[kobj.Key]bool{}, confirm: time.NewTimer(confirmTime)}
	r.confirm.Stop()
	return r
}

// reportRejections adds a diagnostic to the status of each object that a rejection concerns, and removes those of
// rejections that ended. It does nothing if nothing changed since the last call.
func (p *Pipeline) reportRejections() {
	seq := p.fleets.RejectionSeq()
	if seq == p.rejected.seq {
		return
	}
	p.rejected.seq = seq
	diagnostics := p.rejectionDiagnostics()
	for k, ds := range diagnostics {
		p.Status.Rejected.Set(k, ds)
		p.rejected.reported[k] = true
	}
	for k := range p.rejected.reported {
		if diagnostics[k] == nil {
			p.Status.Rejected.Delete(k)
			delete(p.rejected.reported, k)
		}
	}
	p.logDisagreements()
}

// rejectionDiagnostics returns the diagnostics of the confirmed rejections.
func (p *Pipeline) rejectionDiagnostics() map[kobj.Key][]report.Diagnostic {
	diagnostics := map[kobj.Key][]report.Diagnostic{}
	waiting := false
	for _, rej := range p.fleets.Rejections() {
		if rej.Unconfirmed && !p.rejected.confirmed[keyOf(rej)] {
			waiting = true
			continue
		}
		add(diagnostics, p.reporting(rej.Fleet, rej.Ref, rej.Origins), report.Diagnostic{
			Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy,
			Message: envoyNamed(rej.Node) + " rejected " + describe(rej.Ref, rej.Part) + ": " + rej.ErrorDetail,
		})
	}
	for _, d := range p.reportedDisagreements() {
		if !p.rejected.disagreed[aboutPiece(d)] {
			waiting = true
			continue
		}
		add(diagnostics, p.reporting(d.Fleet, d.Ref, d.Origins), report.Diagnostic{
			Severity: report.Warning, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy,
			Message: envoyNamed(d.Node) + " rejected " + describe(d.Ref, d.Part) + ", which other Envoys accept: " + d.ErrorDetail,
		})
	}
	if waiting && !p.rejected.waiting {
		p.rejected.waiting = true
		p.rejected.confirm.Reset(confirmTime)
	}
	return diagnostics
}

// confirmRejections has the unconfirmed rejections of now reported.
func (p *Pipeline) confirmRejections() {
	p.rejected.waiting, p.rejected.confirmed = false, map[contentKey]bool{}
	for _, rej := range p.fleets.Rejections() {
		if rej.Unconfirmed {
			p.rejected.confirmed[keyOf(rej)] = true
		}
	}
	p.rejected.disagreed = map[disagreementKey]bool{}
	for _, d := range p.reportedDisagreements() {
		p.rejected.disagreed[aboutPiece(d)] = true
	}
	p.rejected.seq = 0
}

// Bounds of the disagreements that objects report, of one Envoy and in all: an Envoy that disagrees about more is what is
// wrong, and not the objects.
const (
	maxDisagreementsOfNode = 16
	maxDisagreements       = 64
)

// reportedDisagreements lists the disagreements that objects report, one for each piece.
func (p *Pipeline) reportedDisagreements() []fleet.Disagreement {
	all := p.fleets.Disagreements()
	ofNode := map[string]int{}
	for _, d := range all {
		ofNode[d.Node]++
	}
	var out []fleet.Disagreement
	seen := map[disagreementKey]bool{}
	for _, d := range all {
		k := aboutPiece(d)
		if ofNode[d.Node] > maxDisagreementsOfNode || seen[k] || len(out) >= maxDisagreements {
			continue
		}
		seen[k] = true
		out = append(out, d)
	}
	return out
}

func aboutPiece(d fleet.Disagreement) disagreementKey {
	return disagreementKey{fleet: d.Fleet, ref: d.Ref, part: d.Part}
}

// add adds a diagnostic to objects. A wildcard host is in every shard, and each shard has the rejection.
func add(to map[kobj.Key][]report.Diagnostic, objects []kobj.Key, d report.Diagnostic) {
	for _, k := range objects {
		d.Object = k
		if !slices.Contains(to[k], d) {
			to[k] = append(to[k], d)
		}
	}
}

// envoyNamed is how a message begins that is about an Envoy.
func envoyNamed(node string) string {
	if node == "" {
		return "Envoy"
	}
	return "Envoy " + node
}

func keyOf(r fleet.Rejection) contentKey { return contentKey{r.Ref, r.Part, r.Hash} }

// logDisagreements logs each Envoy that rejects what another one of its fleet accepted, once.
func (p *Pipeline) logDisagreements() {
	now := map[disagreementKey]bool{}
	for _, d := range p.fleets.Disagreements() {
		k := disagreementKey{d.Fleet, d.Ref, d.Part, d.Node}
		if now[k] = true; !p.rejected.logged[k] {
			p.log.Warn(
				"Envoy rejects what another one of its fleet accepts; it keeps what it had",
				"node", d.Node, "fleet", d.Fleet, "resource", d.Ref.String(), "part", d.Part, "error", d.ErrorDetail,
			)
		}
	}
	p.rejected.logged = now
}

// reporting returns the objects that report a rejection: the origins of the piece if one of them has a status or
// Events, otherwise the origins of the resources that use it.
func (p *Pipeline) reporting(f ir.Fleet, ref table.Ref, origins []kobj.Key) []kobj.Key {
	reported := func(k kobj.Key) bool { return p.Store.Reported(k.Kind) }
	if len(origins) == 0 || slices.ContainsFunc(origins, reported) {
		return origins
	}
	t := p.fleets.Get(f)
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(t.DependentObjects(ref), func(k kobj.Key) bool { return !reported(k) })
}

// describe names the rejected piece. A virtual host is named without its route table, which depends on sharding.
func describe(ref table.Ref, part string) string {
	switch {
	case part == "":
		return ref.Type.String() + " resource " + ref.Name
	case ref.Type == table.Route:
		return "virtual host " + part
	}
	return ref.Type.String() + " resource " + ref.Name + ", part " + part
}
