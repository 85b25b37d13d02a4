package preview

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"contour.example/contour/internal/ir"
)

// The languages of what witnesses contain. Paths are normalized and without escapes.
const (
	pathLetter    = `[-A-Za-z0-9_.~!$&'()*+,;=:@]`
	pathSegment   = `(\.{3,}` + pathLetter + `*|\.{0,2}[-A-Za-z0-9_~!$&'()*+,;=:@]` + pathLetter + `*)`
	pathLanguage  = `/|(/` + pathSegment + `)+/?`
	valueLanguage = `[!-~]([ -~]*[!-~])?`
	queryLanguage = `[-A-Za-z0-9_.~]*`
)

// witnesses are requests of which one is in each class of requests that the routes tell apart: by path, headers and query parameters.
type witnesses struct {
	routes   []ir.Route
	matchers map[string]*regexp.Regexp
	options  map[string][]option // of the conditions with that key, see group.key
	requests []Request
	complete bool
	effort   *effort
}

// maxCombinations bounds the requests for one path, and maxRequests those for one host.
const (
	maxCombinations = 256
	maxRequests     = 4096
)

// option is a value of a header or query parameter, or its absence.
type option struct {
	value  string
	absent bool
}

// witnessesOf returns the requests, without host, the simplest first. complete is false if classes may be missing.
func witnessesOf(routes []ir.Route, of *effort) (requests []Request, complete bool) {
	w := witnesses{routes: routes, matchers: map[string]*regexp.Regexp{}, options: map[string][]option{}, complete: true, effort: of}
	for _, path := range w.paths() {
		if len(w.requests) >= maxRequests {
			w.complete = false
			break
		}
		w.of(path)
	}
	slices.SortStableFunc(w.requests, func(a, b Request) int {
		return cmp.Or(len(a.Headers)-len(b.Headers), len(a.Path)-len(b.Path), strings.Compare(a.Path, b.Path))
	})
	return w.requests, w.complete
}

// paths returns a path for each combination of path conditions that is possible: of literal paths by their order, of expressions by
// a search.
func (w *witnesses) paths() []string {
	literals, seen := []string{"/"}, map[ir.PathMatch]bool{}
	var expressions []string
	search := false
	for i := range w.routes {
		m := w.routes[i].Match.Path
		if seen[m] {
			continue
		}
		seen[m] = true
		expressions = append(expressions, pathExpression(m))
		switch m.Kind {
		case ir.PathRegex, ir.PathMethod:
			search = true
		case ir.PathSegment:
			literals = append(literals, strings.TrimRight(m.Value, "/"))
		case ir.PathPrefix, ir.PathExact:
			literals = append(literals, m.Value)
		}
	}
	slices.Sort(literals)
	literals = slices.Compact(literals)
	found := map[string]bool{}
	for _, l := range literals {
		for _, ending := range []string{"", extension(literals, l), "/", "/" + extension(literals, l+"/")} {
			found[l+ending] = true
		}
	}
	if search {
		texts, complete := partition(pathLanguage, expressions, w.effort)
		w.complete = w.complete && complete
		for _, text := range texts {
			found[text] = true
		}
	}
	language := w.matcher(pathLanguage)
	for _, l := range literals {
		w.complete = w.complete && (l == "" || language.MatchString(l) || language.MatchString(l+"x"))
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(p string) bool { return !language.MatchString(p) })
}

// extension returns letters after which no literal begins with the text and them.
func extension(literals []string, text string) string {
	for _, letter := range "xyzabcdefghijklmnopqrstuvw0123456789" {
		at, _ := slices.BinarySearch(literals, text+string(letter))
		if at == len(literals) || !strings.HasPrefix(literals[at], text+string(letter)) {
			return string(letter)
		}
	}
	return "x-" + extension(literals, text+"x-")
}

func pathExpression(m ir.PathMatch) string {
	switch quoted := regexp.QuoteMeta(m.Value); m.Kind {
	case ir.PathExact:
		return quoted
	case ir.PathRegex:
		return m.Value
	case ir.PathMethod:
		return "/[^/]+/" + quoted
	case ir.PathSegment:
		return regexp.QuoteMeta(strings.TrimRight(m.Value, "/")) + "(/.*)?"
	default:
		return quoted + ".*"
	}
}

// matcher returns the compiled expression, which matches whole texts; one that does not compile matches nothing.
func (w *witnesses) matcher(expression string) *regexp.Regexp {
	re, ok := w.matchers[expression]
	if !ok {
		var err error
		if re, err = regexp.Compile(`\A(?:` + expression + `)\z`); err != nil {
			re = regexp.MustCompile(`[^\x00-\x{10FFFF}]`)
		}
		w.matchers[expression] = re
	}
	return re
}

// matches reports whether a path meets a condition.
func (w *witnesses) matches(m ir.PathMatch, path string) bool {
	switch m.Kind {
	case ir.PathExact:
		return path == m.Value
	case ir.PathPrefix:
		return strings.HasPrefix(path, m.Value)
	case ir.PathSegment:
		rest, ok := strings.CutPrefix(path, strings.TrimRight(m.Value, "/"))
		return ok && (rest == "" || rest[0] == '/')
	default:
		return w.matcher(pathExpression(m)).MatchString(path)
	}
}

// group is the conditions of some routes on one header or query parameter.
type group struct {
	query       bool
	name        string
	expressions []string // sorted; none for conditions on its presence alone
}

func (g *group) key() string {
	return g.name + map[bool]string{true: "?"}[g.query] + "\x00" + strings.Join(g.expressions, "\x00")
}

// of adds the requests for a path.
func (w *witnesses) of(path string) {
	var groups []group
	add := func(query bool, name, expression string) {
		at := slices.IndexFunc(groups, func(g group) bool { return g.query == query && g.name == name })
		if at < 0 {
			groups, at = append(groups, group{query: query, name: name}), len(groups)
		}
		if g := &groups[at]; expression != "" && !slices.Contains(g.expressions, expression) {
			g.expressions = append(g.expressions, expression)
		}
	}
	for i := range w.routes {
		m := &w.routes[i].Match
		if !w.matches(m.Path, path) {
			continue
		}
		for _, h := range m.Headers {
			add(false, strings.ToLower(h.Name), valueExpression(h.Kind, h.Value, h.IgnoreCase))
		}
		for _, q := range m.Query {
			add(true, q.Name, valueExpression(q.Kind, q.Value, q.IgnoreCase))
		}
	}
	options := make([][]option, len(groups))
	for i := range groups {
		slices.Sort(groups[i].expressions)
		options[i] = w.optionsOf(&groups[i])
	}
	for _, chosen := range w.combinations(options) {
		w.requests = append(w.requests, requestOf(path, groups, chosen))
	}
}

func valueExpression(kind ir.StringKind, value string, ignoreCase bool) string {
	quoted := regexp.QuoteMeta(value)
	e := map[ir.StringKind]string{
		ir.StringExact: quoted, ir.StringPrefix: quoted + ".*", ir.StringSuffix: ".*" + quoted, ir.StringContains: ".*" + quoted + ".*",
		ir.StringRegex: value,
	}[kind]
	if ignoreCase && kind != ir.StringRegex && kind != ir.StringPresent {
		e = "(?i:" + e + ")"
	}
	return e
}

// optionsOf returns a value for each combination of the conditions, and the absence of the header or query parameter.
func (w *witnesses) optionsOf(g *group) []option {
	if known, ok := w.options[g.key()]; ok {
		return known
	}
	out := []option{{absent: true}}
	language := valueLanguage
	switch {
	case g.query:
		language = queryLanguage
	case g.name == ":method":
		out, language = nil, methods(g.expressions)
	case g.name == "host" || strings.HasPrefix(g.name, ":"): // the host is given
		w.complete = false
		return out
	}
	if !g.query && slices.ContainsFunc(g.expressions, func(e string) bool { return w.matcher(e).MatchString("") }) {
		language = "(" + language + ")?"
	}
	values, complete := partition(language, g.expressions, w.effort)
	w.complete = w.complete && complete
	for _, v := range values {
		out = append(out, option{value: v})
	}
	for _, e := range g.expressions { // a condition that no witness meets: its values are not of the language
		w.complete = w.complete && slices.ContainsFunc(values, w.matcher(e).MatchString)
	}
	w.options[g.key()] = out
	return out
}

// methods is the language of the usual methods and those in the conditions.
func methods(expressions []string) string {
	return strings.Join(append([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, expressions...), "|")
}

// combinations returns the choices of an option of each group; of too many, some of them.
func (w *witnesses) combinations(options [][]option) [][]option {
	n := 1
	for _, o := range options {
		n *= max(1, len(o))
		if n > maxCombinations {
			w.complete = false
			return paired(options)
		}
	}
	out := [][]option{nil}
	for _, of := range options {
		var longer [][]option
		for _, chosen := range out {
			for _, o := range of {
				longer = append(longer, append(slices.Clip(chosen), o))
			}
		}
		out = longer
	}
	return out
}

// paired returns choices in which each option of a group occurs with the last options of all other groups, and with their first ones.
func paired(options [][]option) [][]option {
	var out [][]option
	for i, of := range options {
		for _, o := range of {
			none, all := make([]option, len(options)), make([]option, len(options))
			for j, other := range options {
				none[j], all[j] = other[0], other[len(other)-1]
			}
			none[i], all[i] = o, o
			out = append(out, none, all)
		}
	}
	return out
}

func requestOf(path string, groups []group, chosen []option) Request {
	r := Request{Path: path, Method: "GET", Headers: map[string]string{}}
	var query []string
	for i, o := range chosen {
		switch g := &groups[i]; {
		case o.absent:
		case g.query:
			query = append(query, g.name+"="+o.value)
		case g.name == ":method":
			r.Method = o.value
		default:
			r.Headers[g.name] = o.value
		}
	}
	if len(query) > 0 {
		r.Path += "?" + strings.Join(query, "&")
	}
	return r
}
