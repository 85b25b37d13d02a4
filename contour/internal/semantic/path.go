package semantic

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// splitPath divides the path of the request from its query.
func (x *exchange) splitPath() error {
	full := x.Path
	if full == "" {
		full = "/"
	}
	path, query, found := strings.Cut(full, "?")
	if found {
		x.query = "?" + query
	}
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("path %q: the model does not support paths without a slash at the start", path)
	}
	if i := strings.IndexFunc(full, func(r rune) bool { return r <= ' ' || r >= 0x7f }); i >= 0 {
		return fmt.Errorf("path %q: the model does not support characters that clients escape", path)
	}
	x.path = path
	return nil
}

func (x *exchange) setPath(path string) {
	x.path = path
	x.headers[":path"] = path + x.query
}

// normalizePath normalizes the path as the connection manager does, in its order: escaped slashes, then segments and escapes
// (RFC 3986, 6.2.2), then adjacent slashes. It returns the status with which Envoy answers instead of routing the request, 0 if it routes it.
func (x *exchange) normalizePath(m *hcmv3.HttpConnectionManager) (status int, location string) {
	if strings.Contains(x.Path, "#") {
		x.trace.Rejected = "the path has a fragment"
		return http.StatusBadRequest, ""
	}
	action, path := m.GetPathWithEscapedSlashesAction(), x.path
	if action != hcmv3.HttpConnectionManager_IMPLEMENTATION_SPECIFIC_DEFAULT && action != hcmv3.HttpConnectionManager_KEEP_UNCHANGED {
		path = unescapeSlashes(path)
	}
	unescaped := path != x.path
	if unescaped && action == hcmv3.HttpConnectionManager_REJECT_REQUEST {
		x.trace.Rejected = escapedSlash
		return http.StatusBadRequest, ""
	}
	if path = withoutDotParameters(path); strings.Contains(path, "%00") {
		x.trace.Rejected = "the path has an escaped null character"
		return http.StatusBadRequest, ""
	}
	if path = resolveDots(unescape(path)); m.GetMergeSlashes() {
		path = mergeSlashes(path)
	}
	x.setPath(path)
	if unescaped && action == hcmv3.HttpConnectionManager_UNESCAPE_AND_REDIRECT {
		x.trace.Rejected = escapedSlash
		if isGRPC(x.Headers) { // whose clients follow no redirects
			return http.StatusBadRequest, ""
		}
		return http.StatusTemporaryRedirect, x.path + x.query
	}
	return 0, ""
}

const escapedSlash = "the path has an escaped slash"

// unescapeSlashes replaces the escape sequences of / and \.
func unescapeSlashes(path string) string {
	return strings.NewReplacer("%2F", "/", "%2f", "/", "%5C", `\`, "%5c", `\`).Replace(path)
}

// unescape replaces the escape sequences of unreserved characters (RFC 3986, 2.3) by these, backslashes by slashes, and characters that
// no path may have by their escape sequences. Other escape sequences stay as they are, and so does a percent sign that begins none, unless
// it would begin one now.
func unescape(path string) string {
	out := make([]byte, 0, len(path))
	var percents []int // indexes of percent signs that begin no escape sequence
	for i := 0; i < len(path); i++ {
		c := path[i]
		decoded, ok := escapeAt(path[i:])
		switch {
		case ok && unreserved(decoded):
			out = append(out, decoded)
			i += 2
		case c == '%' && !ok:
			percents = append(percents, len(out))
			out = append(out, c)
		case c == '\\':
			out = append(out, '/')
		case strings.IndexByte("\"<>^`{|}", c) >= 0:
			out = fmt.Appendf(out, "%%%02X", c)
		default:
			out = append(out, c)
		}
	}
	for _, i := range slices.Backward(percents) {
		if _, ok := escapeAt(string(out[i:])); ok {
			out = slices.Insert(out, i+1, '2', '5')
		}
	}
	return string(out)
}

// escapeAt returns the character of the escape sequence at the start of s.
func escapeAt(s string) (c byte, ok bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, ok1 := hexDigit(s[1])
	low, ok2 := hexDigit(s[2])
	return high<<4 | low, ok1 && ok2
}

func hexDigit(c byte) (value byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// withoutDotParameters removes the parameters of the segments "." and "..", as in "..;a".
func withoutDotParameters(path string) string {
	if !strings.Contains(path, ".;") {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if name, _, _ := strings.Cut(s, ";"); name == "." || name == ".." {
			segments[i] = name
		}
	}
	return strings.Join(segments, "/")
}

// resolveDots removes the segments "." and ".." (RFC 3986, 5.2.4).
func resolveDots(path string) string {
	segments := strings.Split(path, "/")[1:]
	var out []string
	for i, s := range segments {
		last := i == len(segments)-1
		switch {
		case s != "." && s != "..":
			out = append(out, s)
			continue
		case s == ".." && len(out) > 0:
			out = out[:len(out)-1]
		}
		if last {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

// mergeSlashes replaces adjacent slashes by one. Envoy leaves two of a path that has nothing else.
func mergeSlashes(path string) string {
	if len(path) > 1 && strings.Trim(path, "/") == "" {
		return "//"
	}
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return path
}
