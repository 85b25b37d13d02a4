package votes

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/xds/quarantine"
	"contour.example/contour/internal/xds/table"
)

// maxWordBytes bounds the names in an entry; a vote with a longer one is not shared.
const maxWordBytes = 253

// entry is the value of a key.
type entry struct {
	Fleet    string `json:"fleet"`
	Type     string `json:"type"`               // such as RDS
	Resource string `json:"resource,omitempty"` // in which the content is wanted
	Part     string `json:"part,omitempty"`
	Hash     string `json:"hash"` // of the content, hexadecimal
	Accepted bool   `json:"accepted,omitempty"`
	Node     string `json:"node,omitempty"`    // of the Envoy that rejects the content
	Address  string `json:"address,omitempty"` // the host that it connected from
	Error    string `json:"error,omitempty"`
	Object   string `json:"namespace,omitempty"` // namespace of the object that the content is made from
	By       string `json:"by"`                  // the replica
	Since    string `json:"since"`               // RFC 3339
	Renewed  string `json:"renewed"`
}

// acceptedSuffix ends the key of the entry that says that a content is accepted; other keys end with the hash of an Envoy.
const acceptedSuffix = ".accepted"

// key is the hash of the content, and that of the Envoy.
func (e *entry) key() string {
	content := e.content()
	if e.Accepted {
		return content + acceptedSuffix
	}
	return content + "." + digest(8, e.Node, e.Address)
}

// content identifies the content.
func (e *entry) content() string { return digest(16, e.Fleet, e.Type, e.Part, e.Hash) }

// digest is a hash of n bytes, in hexadecimal.
func digest(n int, words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:n])
}

// isKey reports whether a key may be one of an entry.
func isKey(key string) bool {
	content, rest, found := strings.Cut(key, ".")
	isHex := func(s string, n int) bool {
		_, err := hex.DecodeString(s)
		return err == nil && len(s) == n
	}
	return found && isHex(content, 32) && ("."+rest == acceptedSuffix || isHex(rest, 16))
}

// decode returns the entry in a value that belongs to the key.
func decode(key, value string) (entry, bool) {
	var e entry
	if len(value) > 2*maxEntryBytes || json.Unmarshal([]byte(value), &e) != nil || e.key() != key || !e.valid() {
		return entry{}, false
	}
	e.Error = quarantine.Excerpt(e.Error)
	return e, true
}

// valid reports whether the fields are within their bounds and formats.
func (e *entry) valid() bool {
	_, known := typeOf(e.Type)
	_, err := hashOf(e.Hash)
	_, since := time.Parse(time.RFC3339, e.Since)
	_, renewed := time.Parse(time.RFC3339, e.Renewed)
	return known && err == nil && since == nil && renewed == nil && e.By != "" && e.named()
}

// named reports whether the names can be shared.
func (e *entry) named() bool {
	for _, word := range []string{e.Fleet, e.Resource, e.Part, e.Node, e.Address, e.Object} {
		if len(word) > maxWordBytes || !utf8.ValidString(word) {
			return false
		}
	}
	return e.Accepted == (e.Node == "")
}

func typeOf(name string) (table.Type, bool) {
	types := table.Types()
	i := slices.IndexFunc(types, func(t table.Type) bool { return t.String() == name })
	if i < 0 {
		return 0, false
	}
	return types[i], true
}

func hashOf(text string) (h quarantine.Hash, err error) {
	if len(text) != 2*len(h) {
		return h, hex.ErrLength
	}
	_, err = hex.Decode(h[:], []byte(text))
	return h, err
}

// newEntry returns the entry of a vote of the replica; false if it cannot be shared.
func newEntry(f ir.Fleet, v table.Vote, self string) (entry, bool) {
	e := entry{
		Fleet: string(f), Type: v.Ref.Type.String(), Resource: v.Ref.Name, Part: v.Piece.Name, Hash: v.Piece.Hash.String(),
		Accepted: v.Accepts, Object: v.Namespace, By: self,
	}
	if !v.Accepts {
		e.Node, e.Address, e.Error = v.Node, v.Address, v.ErrorDetail
	}
	if !e.named() {
		return entry{}, false
	}
	for _, n := range []int{len(e.Error), 128, 0} {
		e.Error = quarantine.Printable(e.Error, max(n, len(" ...")))
		if len(e.encode()) <= maxEntryBytes-timesBytes {
			return e, true
		}
	}
	return entry{}, false
}

// timesBytes is the length of the times of an entry, which are set later.
const timesBytes = 2 * len(time.RFC3339)

func (e *entry) encode() string {
	var b bytes.Buffer
	into := json.NewEncoder(&b)
	into.SetEscapeHTML(false) // for readers
	if into.Encode(e) != nil {
		return "" // not possible: it has only strings
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (e *entry) vote() table.Vote {
	typ, _ := typeOf(e.Type)
	hash, _ := hashOf(e.Hash)
	return table.Vote{
		Ref: table.Ref{Type: typ, Name: e.Resource}, Piece: quarantine.ID{Name: e.Part, Hash: hash}, Namespace: e.Object,
		Accepts: e.Accepted, Node: e.Node, Address: e.Address, ErrorDetail: e.Error,
	}
}

func (e *entry) renewed() time.Time {
	t, _ := time.Parse(time.RFC3339, e.Renewed)
	return t
}

// expired reports whether nobody renews the entry. A time that is far ahead is wrong.
func (e *entry) expired(now time.Time) bool {
	age := now.Sub(e.renewed())
	return age > expireAfter || age < -expireAfter
}

// compare orders entries by age, then key.
func (e entry) compare(o entry) int {
	return cmp.Or(strings.Compare(e.Since, o.Since), strings.Compare(e.key(), o.key()))
}
