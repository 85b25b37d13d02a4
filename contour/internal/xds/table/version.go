package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync/atomic"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"contour.example/contour/internal/kobj"
)

// digest is the first 128 bits of a SHA-256: users decide about the bytes, so the hash must
// not let them make two contents look equal.
type digest [16]byte

func digestOf(b []byte) digest {
	sum := sha256.Sum256(b)
	return digest(sum[:16])
}

func (d digest) String() string { return hex.EncodeToString(d[:]) }

// pieceID says which bytes under which name: verdicts are about pieces, by id.
type pieceID struct {
	name string // "" is the header
	hash digest
}

// piece is the header or one part of a resource, the unit of quarantine.
type piece struct {
	pieceID
	body    []byte
	needs   []Ref
	origins []kobj.Key
	invalid string
}

// same reports whether nothing about the piece differs.
func (p *piece) same(o *piece) bool {
	return p.pieceID == o.pieceID && p.invalid == o.invalid && slices.Equal(p.needs, o.needs) && slices.Equal(p.origins, o.origins)
}

// piecesOf cuts a resource into its header and its parts, in that order. Pieces that did not
// change are taken from former, so their bytes are hashed once and kept once.
func piecesOf(r *Resource, former []*piece) []*piece {
	known := byName(former)
	pieces := make([]*piece, 0, 1+len(r.Parts))
	pieces = append(pieces, reuse(known[""], &piece{
		body: r.Body, needs: r.Needs, origins: r.Origins, invalid: r.Invalid,
	}))
	for i := range r.Parts {
		p := &r.Parts[i]
		pieces = append(pieces, reuse(known[p.Name], &piece{
			pieceID: pieceID{name: p.Name}, body: p.Body, needs: p.Needs, origins: p.Origins, invalid: p.Invalid,
		}))
	}
	return pieces
}

func reuse(former, p *piece) *piece {
	if former == nil || !bytes.Equal(former.body, p.body) {
		p.hash = digestOf(p.body)
		return p
	}
	p.hash, p.body = former.hash, former.body
	if former.same(p) {
		return former
	}
	return p
}

func byName(pieces []*piece) map[string]*piece {
	m := make(map[string]*piece, len(pieces))
	for _, p := range pieces {
		m[p.name] = p
	}
	return m
}

// Version is one content of one resource, shared by all sessions and immutable.
type Version struct {
	Ref   Ref
	Hash  string // of the bytes, hex: the version that Envoy sees, equal on every replica
	Needs []Ref  // sorted; the union over the pieces in it

	message *discoveryv3.Resource
	size    int
	pieces  []*piece
	order   uint64 // by creation, within the table
	proven  atomic.Bool
}

// Message is the resource as a response carries it; callers must not change it. Its body is
// encoded already.
func (v *Version) Message() *discoveryv3.Resource { return v.message }

// Body is the encoded message; callers must not change it.
func (v *Version) Body() []byte { return v.message.GetResource().GetValue() }

// Size is the length of the encoded Message in bytes.
func (v *Version) Size() int { return v.size }

// Proven reports whether an Envoy of the fleet has accepted this version.
func (v *Version) Proven() bool { return v.proven.Load() }

func newVersion(ref Ref, field protowire.Number, pieces []*piece, order uint64) *Version {
	body := assemble(field, pieces)
	hash := digestOf(body).String()
	message := &discoveryv3.Resource{
		Name: ref.Name, Version: hash, Resource: &anypb.Any{TypeUrl: ref.Type.URL(), Value: body},
	}
	return &Version{
		Ref: ref, Hash: hash, Needs: unionOfNeeds(pieces),
		message: message, size: proto.Size(message), pieces: pieces, order: order,
	}
}

func assemble(field protowire.Number, pieces []*piece) []byte {
	if len(pieces) == 1 {
		return pieces[0].body
	}
	size := 0
	for _, p := range pieces {
		size += protowire.SizeTag(field) + protowire.SizeBytes(len(p.body))
	}
	out := append(make([]byte, 0, size), pieces[0].body...)
	for _, p := range pieces[1:] {
		out = protowire.AppendTag(out, field, protowire.BytesType)
		out = protowire.AppendBytes(out, p.body)
	}
	return out
}

func unionOfNeeds(pieces []*piece) []Ref {
	var needs []Ref
	for _, p := range pieces {
		needs = append(needs, p.needs...)
	}
	slices.SortFunc(needs, Ref.Compare)
	return slices.Clip(slices.Compact(needs))
}

// ids is the set of pieces in the version; a nil version has none.
func (v *Version) ids() map[pieceID]bool {
	if v == nil {
		return nil
	}
	return idsOf(v.pieces)
}

func idsOf(pieces []*piece) map[pieceID]bool {
	ids := make(map[pieceID]bool, len(pieces))
	for _, p := range pieces {
		ids[p.pieceID] = true
	}
	return ids
}
