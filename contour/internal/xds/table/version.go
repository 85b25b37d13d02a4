package table

import (
	"bytes"
	"crypto/sha256"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"google.golang.org/protobuf/encoding/protowire"

	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/quarantine"
)

// hashOf returns the first 128 bits of a SHA-256: users choose the bytes, so the hash must
// be collision-resistant.
func hashOf(b []byte) quarantine.Hash {
	sum := sha256.Sum256(b)
	return quarantine.Hash(sum[:16])
}

// piece is the header or one part of a resource.
type piece struct {
	quarantine.Piece
	needs   []Ref
	origins []kobj.Key
	invalid *string // Part.Invalid; nil if that is empty
}

// is reports whether the piece equals the element, except for its content.
func (p *piece) is(e *Part) bool {
	return p.invalidReason() == e.Invalid && sameSlice(p.needs, e.Needs) && sameSlice(p.origins, e.Origins)
}

// invalidReason returns why the piece is invalid, "" if it is valid.
func (p *piece) invalidReason() string {
	if p.invalid == nil {
		return ""
	}
	return *p.invalid
}

// sameSlice compares slices; it does not compare the elements of those that share their memory.
func sameSlice[E comparable](a, b []E) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}

// piecesOf splits a resource into its header and its parts, in that order. It reuses unchanged pieces of
// former, so that their bytes are hashed and stored once. A piece at an unchanged position costs only a
// comparison.
func piecesOf(r *Resource, former []*piece) []*piece {
	elements := 1 + len(r.Parts)
	head, tail := aligned(r, former)
	moved := byName(former[head : len(former)-tail])
	pieces := make([]*piece, elements)
	for i := range pieces {
		e := element(r, i)
		switch {
		case i < head:
			pieces[i] = pieceOf(e, former[i])
		case i >= elements-tail:
			pieces[i] = pieceOf(e, former[len(former)-elements+i])
		default:
			pieces[i] = pieceOf(e, moved[e.Name])
		}
	}
	return pieces
}

// element returns the header of a resource, as a part without a name, or its part i-1.
func element(r *Resource, i int) *Part {
	if i > 0 {
		return &r.Parts[i-1]
	}
	return &Part{Body: r.Body, Needs: r.Needs, Origins: r.Origins, Invalid: r.Invalid}
}

// aligned counts the elements at the beginning and at the end whose names are unchanged.
func aligned(r *Resource, former []*piece) (head, tail int) {
	elements := 1 + len(r.Parts)
	most := min(elements, len(former))
	for head < most && element(r, head).Name == former[head].Name {
		head++
	}
	for tail < most-head && element(r, elements-1-tail).Name == former[len(former)-1-tail].Name {
		tail++
	}
	return head, tail
}

// pieceOf returns the piece made of an element: the former one of that name if it is equal.
func pieceOf(e *Part, former *piece) *piece {
	if former == nil || !bytes.Equal(former.Content, e.Body) {
		return newPiece(e, hashOf(e.Body))
	}
	if former.is(e) {
		return former
	}
	p := newPiece(e, former.Hash)
	p.Content = former.Content
	return p
}

func newPiece(e *Part, hash quarantine.Hash) *piece {
	p := &piece{
		Piece: quarantine.Piece{ID: quarantine.ID{Name: e.Name, Hash: hash}, Content: e.Body},
		needs: e.Needs, origins: e.Origins,
	}
	if e.Invalid != "" {
		p.invalid = &e.Invalid
	}
	return p
}

func byName(pieces []*piece) map[string]*piece {
	m := make(map[string]*piece, len(pieces))
	for _, p := range pieces {
		m[p.Name] = p
	}
	return m
}

// Version is one content of one resource, shared by all sessions and immutable.
type Version struct {
	Ref   Ref
	Hash  string // hexadecimal; the xDS version, a function of the bytes and therefore equal on every replica
	Needs []Ref  // sorted; the union of its pieces' needs

	pieces       []*piece
	field        protowire.Number
	size         int32  // of the encoded message, in bytes
	order        uint64 // by creation, within the table
	acceptedOnce atomic.Bool
	checked      bool
	fleet        bool // was effective for the fleet, not only for an Envoy with a view of its own

	wiring sync.Mutex
	wire   weak.Pointer[Wire]
}

// newVersion returns the version made of these pieces; it shares equal needs with former.
func newVersion(ref Ref, field protowire.Number, pieces []*piece, order uint64, former *Version) *Version {
	v := &Version{Ref: ref, Hash: versionHash(field, pieces), field: field, pieces: pieces, order: order}
	v.Needs = needsOf(pieces, former)
	size := len(pieces[0].Content)
	for _, p := range pieces[1:] {
		size += protowire.SizeTag(field) + protowire.SizeBytes(len(p.Content))
	}
	v.checked = ref.Type == Cluster && hasField(pieces[0].Content, healthChecksField)
	v.size = int32(size) // protobuf messages have at most 2 GiB
	return v
}

// versionHash returns the hash of a resource's bytes. That of a composite is the hash of the hashes of its
// pieces, so that an edit of one part does not hash the other parts again.
func versionHash(field protowire.Number, pieces []*piece) string {
	if len(pieces) == 1 {
		return pieces[0].Hash.String()
	}
	h := sha256.New()
	h.Write(protowire.AppendVarint([]byte("composite"), uint64(field)))
	for _, p := range pieces {
		h.Write(p.Hash[:])
	}
	return quarantine.Hash(h.Sum(nil)[:16]).String()
}

// healthChecksField is the number of the field health_checks in the message of a cluster.
const healthChecksField = 8

// hasField reports whether an encoded message has the field.
func hasField(message []byte, field protowire.Number) bool {
	for len(message) > 0 {
		number, _, n := protowire.ConsumeField(message)
		if n < 0 || number == field {
			return n >= 0
		}
		message = message[n:]
	}
	return false
}

// ChecksHealth reports whether it is a cluster that Envoy uses only after the first health check of its endpoints.
func (v *Version) ChecksHealth() bool { return v.checked }

// CalledByEnvoy reports whether it is a cluster that Envoy itself calls, for the requests that wait for the answers.
func (v *Version) CalledByEnvoy() bool {
	return v.Ref.Type == Cluster && slices.ContainsFunc(v.pieces[0].origins, func(o kobj.Key) bool { return o.Kind == kobj.ExtensionService })
}

// Owner returns the namespace whose objects alone the resource is made of; "" if it is made of those of several.
func (v *Version) Owner() string {
	owner := ""
	for i, o := range v.pieces[0].origins {
		if i > 0 && o.Namespace != owner {
			return ""
		}
		owner = o.Namespace
	}
	return owner
}

// Accepted reports whether an Envoy of the fleet has accepted this version.
func (v *Version) Accepted() bool { return v.acceptedOnce.Load() }

// forQuarantine returns the version in the form of package quarantine.
func (v *Version) forQuarantine() quarantine.Version {
	return quarantine.Version{Hash: v.Hash, Pieces: all(v.pieces)}
}

func all(pieces []*piece) iter.Seq[*quarantine.Piece] {
	return func(yield func(*quarantine.Piece) bool) {
		for _, p := range pieces {
			if !yield(&p.Piece) {
				return
			}
		}
	}
}

// Origins returns some of the objects whose statuses report a rejection of the version, up to limit.
func (v *Version) Origins(limit int) []kobj.Key {
	var out []kobj.Key
	for _, p := range v.pieces {
		for _, k := range p.origins {
			if len(out) == limit {
				return out
			}
			if !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	return out
}
