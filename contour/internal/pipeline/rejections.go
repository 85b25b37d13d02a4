package pipeline

import (
	"slices"
	"time"

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
	disagreed map[fleet.Disagreement]bool
}

// contentKey is the content of an unconfirmed rejection.
type contentKey struct {
	ref        table.Ref
	part, hash string
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
		for _, k := range p.rejectionObjects(rej) {
			d := report.Diagnostic{
				Object: k, Type: report.TypeEnvoy, Reason: report.RejectedByEnvoy,
				Message: "Envoy rejected " + describe(rej) + ": " + rej.ErrorDetail,
			}
			if !slices.Contains(diagnostics[k], d) { // a wildcard host is in every shard, and each shard has the rejection
				diagnostics[k] = append(diagnostics[k], d)
			}
		}
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
	p.rejected.seq = 0
}

func keyOf(r fleet.Rejection) contentKey { return contentKey{r.Ref, r.Part, r.Hash} }

// logDisagreements logs each Envoy that rejects what another one of its fleet accepted, once.
func (p *Pipeline) logDisagreements() {
	now := map[fleet.Disagreement]bool{}
	for _, d := range p.fleets.Disagreements() {
		now[d] = true
		if !p.rejected.disagreed[d] {
			p.log.Warn(
				"Envoy rejects what another one of its fleet accepts; it keeps what it had",
				"node", d.Node, "fleet", d.Fleet, "resource", d.Ref.String(), "part", d.Part, "error", d.ErrorDetail[:min(len(d.ErrorDetail), maxLoggedBytes)],
			)
		}
	}
	p.rejected.disagreed = now
}

// maxLoggedBytes bounds the logged part of an error detail.
const maxLoggedBytes = 1024

// rejectionObjects returns the objects that report a rejection: the origins of the piece if one of them has a status or
// Events, otherwise the origins of the resources that use it.
func (p *Pipeline) rejectionObjects(r fleet.Rejection) []kobj.Key {
	reported := func(k kobj.Key) bool { return p.Store.Reported(k.Kind) }
	if len(r.Origins) == 0 || slices.ContainsFunc(r.Origins, reported) {
		return r.Origins
	}
	t := p.fleets.Get(r.Fleet)
	if t == nil {
		return nil
	}
	return slices.DeleteFunc(t.DependentObjects(r.Ref), func(k kobj.Key) bool { return !reported(k) })
}

// describe names the rejected piece. A virtual host is named without its route table, which depends on sharding.
func describe(r fleet.Rejection) string {
	switch {
	case r.Part == "":
		return r.Ref.Type.String() + " resource " + r.Ref.Name
	case r.Ref.Type == table.Route:
		return "virtual host " + r.Part
	}
	return r.Ref.Type.String() + " resource " + r.Ref.Name + ", part " + r.Part
}
