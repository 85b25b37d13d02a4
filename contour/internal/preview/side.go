package preview

import (
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/pipeline"
	"contour.example/contour/internal/semantic"
	"contour.example/contour/internal/xds/translate"
)

// index is the hosts of the default fleet by the name of Envoy's listener and their hostname.
type index map[string]map[string]*ir.VirtualHost

// readListeners keeps the listeners of the pipeline.
func (p *Preview) readListeners(stages *pipeline.Pipeline) {
	p.listeners = map[ir.ListenerKey]*ir.Listener{}
	for at := (memo.Cursor{}); !at.Done(); {
		at = stages.Compile.Listeners.Scan(at, 1<<10, func(k ir.ListenerKey, l *ir.Listener) {
			if l != nil {
				p.listeners[k] = l
			}
		})
	}
}

// socket returns the name of Envoy's listener of a listener.
func (p *Preview) socket(k ir.ListenerKey) string {
	if l := p.listeners[k]; l != nil && l.Socket != "" {
		return l.Socket
	}
	return k.Name
}

// indexHosts makes the hosts of Envoy's listeners known by name.
func (p *Preview) indexHosts() {
	p.served = index{}
	for k, v := range p.hosts {
		name := p.socket(k.Listener)
		if k.Listener.Fleet != ir.DefaultFleet {
			continue
		}
		if p.served[name] == nil {
			p.served[name] = map[string]*ir.VirtualHost{}
		}
		if other := p.served[name][k.Hostname]; other == nil || k.Listener.Compare(other.Key.Listener) < 0 {
			p.served[name][k.Hostname] = v
		}
	}
}

// find returns the host for requests and connections to a hostname: the exact one, or that of the longest wildcard; nil if there is none.
func (i index) find(socket, host string) *ir.VirtualHost {
	hosts := i[socket]
	if v := hosts[host]; v != nil {
		return v
	}
	for rest := host; ; {
		at := strings.IndexByte(rest, '.')
		if at < 0 {
			break
		}
		rest = rest[at+1:]
		if v := hosts["*."+rest]; v != nil {
			return v
		}
	}
	if v := hosts["*"]; v != nil {
		return v
	}
	return hosts[""]
}

// side is one of two configurations, for the requests to one host.
type side struct {
	*Preview
	to      string
	vhost   *ir.VirtualHost // nil: there is none for the host
	source  func(*routev3.Route) *ir.Route
	effects map[*ir.Route]effect
}

// response is an answer, and the route that leads to it with its effect; nil if there is none.
type response struct {
	answer semantic.Answer
	route  *ir.Route
	effect effect
}

func (p *Preview) side(k ir.HostKey, host string) *side {
	s := &side{Preview: p, to: p.address(k), vhost: p.served.find(p.socket(k.Listener), host), effects: map[*ir.Route]effect{}}
	if s.vhost != nil {
		s.source = translate.SourceRoutes(s.vhost)
	}
	return s
}

// ask returns the response to a request. An error means that it is not known.
func (s *side) ask(r Request) (response, error) {
	if s.to == "" || s.envoy == nil {
		return response{answer: semantic.Answer{Refused: true}}, nil
	}
	r.To, r.Allowed = s.to, true
	answer, trace, err := s.envoy.Trace(r)
	if err != nil {
		return response{}, err
	}
	out := response{answer: answer}
	if s.vhost == nil || trace.Route == nil {
		return out, nil
	}
	if out.route = s.source(trace.Route); out.route == nil {
		return out, nil
	}
	if s.effects[out.route] == nil {
		s.effects[out.route] = s.effectOf(s.vhost, out.route)
	}
	out.effect = s.effects[out.route]
	return out, nil
}
