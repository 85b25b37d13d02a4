package httpproxy

import (
	"net/textproto"
	"strconv"
	"strings"

	contourv1 "contour.example/contour/api/projectcontour/v1"
	"contour.example/contour/internal/ir"
)

const (
	// maxHeaders and maxHeaderValue are what Envoy accepts in one list of changes, and in one value in bytes.
	maxHeaders     = 1000
	maxHeaderValue = 16384
)

// headerPolicy is a list of changes to headers and what is needed to read it.
type headerPolicy struct {
	spec        *contourv1.HeadersPolicy // may be nil
	at          path
	fault       fault
	request     bool // of requests, where Host can be set
	literalHost bool // Host can be set only to a fixed value
	known       variables
}

// headers reads a header policy; Host is set apart from the other headers. Mistakes reject the route.
func (b *builder) headers(h headerPolicy) (ir.HeaderEdits, *ir.HostRewrite) {
	if h.spec == nil {
		return ir.HeaderEdits{}, nil
	}
	var edits ir.HeaderEdits
	var host *ir.HostRewrite
	b.checkNames(h)
	for i, v := range h.spec.Set {
		at := h.at.dot("set").at(i)
		name := textproto.CanonicalMIMEHeaderKey(v.Name)
		value := h.known.expand(v.Value)
		switch {
		case v.Value == "" || !isText(v.Value) || len(value) > maxHeaderValue:
			b.reject(h.fault, at.dot("value"), "The value %s of header %s is empty, too long or has control characters.", quoted(v.Value), quoted(v.Name))
		case name == "Host":
			host = b.hostRewrite(h, v.Value, at)
		default:
			edits.Set = append(edits.Set, ir.Header{Name: name, Value: value})
		}
	}
	for _, name := range h.spec.Remove {
		edits.Remove = append(edits.Remove, textproto.CanonicalMIMEHeaderKey(name))
	}
	return edits, host
}

// checkNames rejects names that are no names of headers, occur twice or cannot be changed.
func (b *builder) checkNames(h headerPolicy) {
	if n := max(len(h.spec.Set), len(h.spec.Remove)); n > maxHeaders {
		b.reject(h.fault, h.at, "There are %d changes to headers, more than %d.", n, maxHeaders)
		return
	}
	set := make(map[string]bool, len(h.spec.Set))
	for i, v := range h.spec.Set {
		b.checkName(h, v.Name, set, h.at.dot("set").at(i).dot("name"))
	}
	removed := make(map[string]bool, len(h.spec.Remove))
	for i, name := range h.spec.Remove {
		at := h.at.dot("remove").at(i)
		b.checkName(h, name, removed, at)
		if strings.EqualFold(name, "Host") {
			b.reject(h.fault, at, "The header %s cannot be removed.", quoted(name))
		}
	}
}

func (b *builder) checkName(h headerPolicy, name string, seen map[string]bool, at path) {
	lower := strings.ToLower(name)
	switch {
	case !isHeaderName(name):
		b.reject(h.fault, at, "%s is not the name of a header.", quoted(name))
	case seen[lower]:
		b.reject(h.fault, at, "The header %s occurs twice.", quoted(name))
	}
	seen[lower] = true
}

// hostRewrite is what Host is set to: a name, or the value of a header of the request.
func (b *builder) hostRewrite(h headerPolicy, value string, at path) *ir.HostRewrite {
	if !h.request {
		b.reject(h.fault, at, "The header Host cannot be set on responses.")
		return nil
	}
	if name, ok := requestHeader(value); ok && !h.literalHost {
		return &ir.HostRewrite{Header: name}
	}
	if !isAuthority(value) {
		b.reject(h.fault, at.dot("value"), "%s is not a host name.", quoted(value))
		return nil
	}
	return &ir.HostRewrite{Literal: value}
}

// requestHeader is the name of the header whose value the whole of value stands for, as in %REQ(name)%.
func requestHeader(value string) (string, bool) {
	name, ok := strings.CutPrefix(value, "%REQ(")
	if !ok {
		return "", false
	}
	name, ok = strings.CutSuffix(name, ")%")
	return name, ok && isHeaderName(name)
}

// isAuthority reports whether s has only characters of a host name or address, with or without a port.
func isAuthority(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-._:[]", r)
	})
}

// variables is what the variables of ours stand for.
type variables struct {
	namespace string
	service   string // "" outside a service
	port      int
}

// expand puts in the variables of ours, leaves those of Envoy and doubles every other percent sign.
func (v variables) expand(value string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(value, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := strings.Cut(after, "%")
		text, known := v.value(name)
		if !closed || !known {
			b.WriteString("%%")
			value = after
			continue
		}
		b.WriteString(text)
		value = rest
	}
}

// value is the text that a variable is replaced by, and whether it is one.
func (v variables) value(name string) (string, bool) {
	switch name {
	case "CONTOUR_NAMESPACE":
		return v.namespace, true
	case "CONTOUR_SERVICE_NAME":
		return v.service, v.service != ""
	case "CONTOUR_SERVICE_PORT":
		return strconv.Itoa(v.port), v.service != ""
	}
	return "%" + name + "%", isEnvoyVariable(name)
}

// isEnvoyVariable reports whether Envoy may fill in the variable.
func isEnvoyVariable(name string) bool {
	switch name {
	case "DOWNSTREAM_REMOTE_ADDRESS", "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
		"DOWNSTREAM_LOCAL_ADDRESS", "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT", "DOWNSTREAM_LOCAL_PORT",
		"DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_PEER_URI_SAN",
		"DOWNSTREAM_LOCAL_SUBJECT", "DOWNSTREAM_PEER_SUBJECT", "DOWNSTREAM_PEER_ISSUER",
		"DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_VERSION",
		"DOWNSTREAM_PEER_FINGERPRINT_256", "DOWNSTREAM_PEER_FINGERPRINT_1", "DOWNSTREAM_PEER_SERIAL",
		"DOWNSTREAM_PEER_CERT", "DOWNSTREAM_PEER_CERT_V_START", "DOWNSTREAM_PEER_CERT_V_END",
		"HOSTNAME", "PROTOCOL", "UPSTREAM_REMOTE_ADDRESS", "RESPONSE_FLAGS", "RESPONSE_CODE_DETAILS",
		"TLS_JA3_FINGERPRINT", "TLS_JA4_FINGERPRINT":
		return true
	}
	return isRequestVariable(name)
}

// isRequestVariable reports whether it is REQ(header), REQ(header?other) or REQ(header):length.
func isRequestVariable(name string) bool {
	inner, ok := strings.CutPrefix(name, "REQ(")
	if !ok {
		return false
	}
	inner, length, ok := strings.Cut(inner, ")")
	if !ok || !isLength(length) {
		return false
	}
	first, second, both := strings.Cut(inner, "?")
	return isMatchName(first) && (!both || isMatchName(second))
}

// isLength reports whether s is empty or a colon and a number.
func isLength(s string) bool {
	digits, ok := strings.CutPrefix(s, ":")
	if !ok {
		return s == ""
	}
	_, err := strconv.ParseUint(digits, 10, 16)
	return err == nil
}

// isMatchName reports whether s is the name of a header or of a pseudo-header such as :authority.
func isMatchName(s string) bool { return isHeaderName(strings.TrimPrefix(s, ":")) }
