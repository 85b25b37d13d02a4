package store

import (
	"reflect"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/memo"
)

// Settings is the configuration. Each group is an input of its own: only derivations that read a group run again when it
// changes.
type Settings struct {
	Objects     *Setting[config.Objects]
	Status      *Setting[config.Status]
	Listeners   *Setting[config.Listeners]
	HTTP        *Setting[config.HTTP]
	Timeouts    *Setting[config.Timeouts]
	TLS         *Setting[config.TLS]
	AccessLog   *Setting[config.AccessLog]
	Cluster     *Setting[config.Cluster]
	Endpoints   *Setting[config.Endpoints]
	Names       *Setting[config.Names]
	RouteTables *Setting[config.RouteTables]
	XDS         *Setting[config.XDS]
	Budgets     *Setting[config.Budgets]

	Authorization *Setting[config.Authorization]
	RateLimits    *Setting[config.RateLimits]
	Headers       *Setting[config.Headers]
	Tracing       *Setting[config.Tracing]
	Runtime       *Setting[config.Runtime]
	Gateways      *Setting[config.Gateways]

	// LogObjects is whether routes need the names of their objects for AccessLog.
	LogObjects *Setting[bool]
}

// Setting is one group of the configuration.
type Setting[T any] struct {
	input *memo.Input[struct{}, T]
}

// Get returns the present value and records the read.
func (s *Setting[T]) Get(r *memo.Reader) T {
	v, _ := s.input.Get(r, struct{}{})
	return v
}

// Peek returns the present value, for callers outside the derivations.
func (s *Setting[T]) Peek() T {
	v, _ := s.input.Peek(struct{}{})
	return v
}

// ReadEverywhere declares that nearly all derivations of a table read the setting: a change runs all of them again, and a read
// takes no memory.
func ReadEverywhere[T any, K comparable, V any](s *Setting[T], t *memo.Table[K, V]) {
	memo.ReadEverywhere(s.input, t)
}

func newSettings(e *memo.Engine) *Settings {
	return &Settings{
		Objects:     newSetting[config.Objects](e, "objects"),
		Status:      newSetting[config.Status](e, "status"),
		Listeners:   newSetting[config.Listeners](e, "listeners"),
		HTTP:        newSetting[config.HTTP](e, "http"),
		Timeouts:    newSetting[config.Timeouts](e, "timeouts"),
		TLS:         newSetting[config.TLS](e, "tls"),
		AccessLog:   newSetting[config.AccessLog](e, "accesslog"),
		Cluster:     newSetting[config.Cluster](e, "cluster"),
		Endpoints:   newSetting[config.Endpoints](e, "endpoints"),
		Names:       newSetting[config.Names](e, "names"),
		RouteTables: newSetting[config.RouteTables](e, "routetables"),
		XDS:         newSetting[config.XDS](e, "xds"),
		Budgets:     newSetting[config.Budgets](e, "budgets"),

		Authorization: newSetting[config.Authorization](e, "authorization"),
		RateLimits:    newSetting[config.RateLimits](e, "ratelimits"),
		Headers:       newSetting[config.Headers](e, "headers"),
		Tracing:       newSetting[config.Tracing](e, "tracing"),
		Runtime:       newSetting[config.Runtime](e, "runtime"),
		Gateways:      newSetting[config.Gateways](e, "gateways"),

		LogObjects: newSetting[bool](e, "logobjects"),
	}
}

func newSetting[T any](e *memo.Engine, group string) *Setting[T] {
	return &Setting[T]{memo.NewInput[struct{}](e, "store/config/"+group, deepEqual[T])}
}

func deepEqual[T any](a, b T) bool { return reflect.DeepEqual(a, b) }

// Configure replaces the configuration.
func (s *Store) Configure(c config.Config) {
	set(s.Settings.Objects, c.Objects)
	set(s.Settings.Status, c.Status)
	set(s.Settings.Listeners, c.Listeners)
	set(s.Settings.HTTP, c.HTTP)
	set(s.Settings.Timeouts, c.Timeouts)
	set(s.Settings.TLS, c.TLS)
	set(s.Settings.AccessLog, c.AccessLog)
	set(s.Settings.Cluster, c.Cluster)
	set(s.Settings.Endpoints, c.Endpoints)
	set(s.Settings.Names, c.Names)
	set(s.Settings.RouteTables, c.RouteTables)
	set(s.Settings.XDS, c.XDS)
	set(s.Settings.Budgets, c.Budgets)
	set(s.Settings.Authorization, c.Authorization)
	set(s.Settings.RateLimits, c.RateLimits)
	set(s.Settings.Headers, c.Headers)
	set(s.Settings.Tracing, c.Tracing)
	set(s.Settings.Runtime, c.Runtime)
	set(s.Settings.Gateways, c.Gateways)
	set(s.Settings.LogObjects, c.AccessLog.NamesObjects())
}

func set[T any](s *Setting[T], v T) { s.input.Set(struct{}{}, v) }
