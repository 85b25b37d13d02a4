package issuer

import (
	"context"
	"crypto/sha256"
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/jwks"
)

// owner is a provider that wants a document.
type owner struct {
	document *document
	sent     jwks.KeySet // the last state that was passed on
	// former are the keys of the former request until that time, so that an edit of the request refuses no valid token.
	former ir.KeySet
	until  time.Time
}

// want makes the owner one of the document of the request; the caller holds the lock.
func (f *Fetcher) want(of jwks.Remote, ca []byte) {
	o := f.owners[of.Owner]
	if o == nil {
		o = &owner{}
		f.owners[of.Owner] = o
	}
	d := f.document(documentKey{namespace: of.Owner.Proxy.Namespace, request: of.Request, ca: sha256.Sum256(ca)}, ca)
	if o.document == d {
		return
	}
	d.owners[of.Owner] = o
	if former := o.document; former != nil {
		if o.sent.Keys != "" {
			o.former, o.until = o.sent.Keys, time.Now().Add(maxInherited)
		}
		f.leave(former, of.Owner)
	}
	o.document = d
	if d.cancel != nil || d.over { // otherwise admit does it
		f.pass(of.Owner, o)
	}
}

// forget removes an owner; the caller holds the lock.
func (f *Fetcher) forget(name jwks.Owner) {
	o := f.owners[name]
	if o == nil {
		return
	}
	delete(f.owners, name)
	f.leave(o.document, name)
	f.pending[name] = jwks.KeySet{}
}

// state is the state of an owner.
func (o *owner) state(now time.Time) jwks.KeySet {
	d := o.document
	switch {
	case d.keys != "":
		return jwks.KeySet{Keys: d.keys, Failure: d.reported()}
	case d.over:
		return jwks.KeySet{Failure: jwks.OverBudget}
	case now.Before(o.until):
		return jwks.KeySet{Keys: o.former, Failure: d.failure}
	}
	return jwks.KeySet{Failure: d.failure}
}

// pass passes on the state of an owner if it changed; the caller holds the lock.
func (f *Fetcher) pass(name jwks.Owner, o *owner) {
	state := o.state(time.Now())
	if state == o.sent {
		return
	}
	o.sent = state
	f.pending[name] = state
	f.signal()
}

// document returns the document of that key; the caller holds the lock.
func (f *Fetcher) document(k documentKey, ca []byte) *document {
	d := f.documents[k]
	if d == nil {
		d = &document{key: k, ca: ca, owners: map[jwks.Owner]*owner{}}
		d.place = f.pool.Add(k.namespace, d)
		f.documents[k] = d
	}
	return d
}

// leave removes an owner of a document, and ends a document without owners; the caller holds the lock.
func (f *Fetcher) leave(d *document, name jwks.Owner) {
	delete(d.owners, name)
	if len(d.owners) > 0 {
		return
	}
	delete(f.documents, d.key)
	delete(f.first, d)
	if d.cancel != nil {
		d.cancel()
	}
	d.place.Remove()
}

// admit starts the documents that wait, as far as the limits permit; the caller holds the lock.
func (f *Fetcher) admit() {
	if f.ctx == nil {
		return
	}
	for _, d := range f.pool.Admit() {
		d.over = true
		f.passAll(d)
	}
	if f.first == nil && f.updated {
		f.first = map[*document]bool{}
		for _, d := range f.documents {
			if d.cancel != nil {
				f.first[d] = true
			}
		}
	}
}

// start fetches the document until it has no owners; the caller holds the lock.
func (f *Fetcher) start(d *document) {
	ctx, cancel := context.WithCancel(f.ctx)
	d.cancel, d.over = cancel, false
	attempts := d.place.Attempts()
	f.running.Go(func() { f.follow(ctx, d, attempts) })
	f.passAll(d)
}

// passAll passes on the states of all owners; the caller holds the lock.
func (f *Fetcher) passAll(d *document) {
	for name, o := range d.owners {
		f.pass(name, o)
	}
}
