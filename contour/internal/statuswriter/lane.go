package statuswriter

import "contour.example/contour/internal/kobj"

// lane is a queue of objects with round robin over the namespaces: a namespace with thousands of objects delays the
// others by one object each.
type lane struct {
	turns   []string // namespaces with objects that wait, the next one first
	waiting map[string][]kobj.Key
}

func newLane() *lane { return &lane{waiting: map[string][]kobj.Key{}} }

func (l *lane) push(k kobj.Key) {
	keys, ok := l.waiting[k.Namespace]
	if !ok {
		l.turns = append(l.turns, k.Namespace)
	}
	l.waiting[k.Namespace] = append(keys, k)
}

// pop removes and returns the next object of the namespaces for which may returns true.
func (l *lane) pop(may func(namespace string) bool) (kobj.Key, bool) {
	for range l.turns {
		ns := l.turns[0]
		l.turns = l.turns[1:]
		if !may(ns) {
			l.turns = append(l.turns, ns)
			continue
		}
		keys := l.waiting[ns]
		if len(keys) == 1 {
			delete(l.waiting, ns)
		} else {
			l.waiting[ns] = keys[1:]
			l.turns = append(l.turns, ns)
		}
		return keys[0], true
	}
	return kobj.Key{}, false
}
