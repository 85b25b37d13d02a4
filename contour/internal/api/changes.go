package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"contour.example/contour/internal/api/apiv1"
	"contour.example/contour/internal/history"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/xds/table"
)

// listChanges lists the last changes, the newest first.
func (a *API) listChanges(_ *http.Request, q query) (items []item, next *position, fault *failure) {
	by, fault := changeFilter(q, a.Now())
	if fault != nil {
		return nil, nil, fault
	}
	all := a.History.List(by, q.limit+1)
	for _, c := range all[:min(len(all), q.limit)] {
		items = append(items, item{key: strconv.FormatUint(c.ID, 10), make: func() any { return change(&c) }})
	}
	if len(all) > q.limit {
		next = after(items)
	}
	return items, next, nil
}

func changeFilter(q query, now time.Time) (by history.Filter, fault *failure) {
	number := func(name, text string, into *uint64) {
		if text == "" {
			return
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			fault = badRequest("%s: %q is not the number of a change", name, text)
		}
		*into = n
	}
	number("after", q.Get("after"), &by.After)
	number("continue", q.from.Key, &by.Before)
	if text := q.Get("since"); text != "" {
		age, err := time.ParseDuration(text)
		if err != nil || age < 0 {
			return by, badRequest("since: %q is no duration, such as 10m", text)
		}
		by.Since = now.Add(-age)
	}
	if text := q.Get("object"); text != "" {
		p := strings.Split(text, "/")
		switch len(p) {
		case 2:
			by.Object = new(kobj.Of(kobj.Kind(p[0]), "", p[1]))
		case 3:
			by.Object = new(kobj.Of(kobj.Kind(p[0]), p[1], p[2]))
		default:
			return by, badRequest("object: %q is not kind/namespace/name", text)
		}
	}
	return by, fault
}

func change(c *history.Change) apiv1.Change {
	return apiv1.Change{
		ID: c.ID, Seen: c.Seen, Published: c.Published, Objects: apiv1.ObjectsOf(c.Named, maxNamedObjects), ObjectCount: c.Objects, Hosts: c.Hosts,
		Statuses: c.Statuses, Resources: c.Resources, Bytes: c.Bytes, Envoys: c.Envoys, Acknowledged: c.Acknowledged, First: c.First, Last: c.Last,
		Slowest: nodeName(c.Slowest),
	}
}

func nodeName(node string) string {
	if node == "" {
		return ""
	}
	return table.NodeName(node)
}
