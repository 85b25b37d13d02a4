package app

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"contour.example/contour/internal/config"
	"contour.example/contour/internal/settings"
)

// overlay is flags that lie over a configuration: each that is on the command line replaces a value of it.
type overlay struct {
	flags  *pflag.FlagSet
	values config.Config // as the flags say, with their defaults
	copies []copied
}

// copied is a flag and what it replaces.
type copied struct {
	flag string
	copy func(into, from *config.Config)
	// equal reports whether the value that the flag replaces is the same in two configurations.
	equal func(a, b *config.Config) bool
	// unless names the field that wins over the flag if it is set in a file, as in Contour.
	unless string
}

// addFlag adds a flag for a value of the configuration, whose default is the value as it is. add is the method of the flag set for
// its type.
func addFlag[T any](o *overlay, field func(*config.Config) *T, add func(p *T, name string, value T, usage string), name, usage string) {
	p := field(&o.values)
	add(p, name, *p, usage)
	o.copies = append(o.copies, copied{
		flag:  name,
		copy:  func(into, from *config.Config) { *field(into) = *field(from) },
		equal: func(a, b *config.Config) bool { return reflect.DeepEqual(field(a), field(b)) },
	})
}

// addAddress adds the flags for the address and the port of a socket.
func (o *overlay) addAddress(field func(*config.Config) *config.Address, prefix, what, wins string) {
	addFlag(o, func(c *config.Config) *string { return &field(c).Host }, o.addIP, prefix+"-address", "Address of "+what+".")
	addFlag(o, func(c *config.Config) *uint32 { return &field(c).Port }, o.addPort, prefix+"-port", "Port of "+what+".")
	if wins != "" {
		n := len(o.copies)
		o.copies[n-2].unless, o.copies[n-1].unless = wins+".address", wins+".port"
	}
}

// apply is the configuration with the flags that are on the command line.
func (o *overlay) apply(c config.Config, d settings.Document) config.Config {
	stats, health := c.Listeners.Stats, c.Listeners.Health
	for _, f := range o.copies {
		if o.replaces(f, d) {
			f.copy(&c, &o.values)
		}
	}
	c.Listeners.Health = o.health(cmp.Or(health, stats), d.IsFile() || health == config.Address{})
	if c.Listeners.Health == c.Listeners.Stats {
		c.Listeners.Health = config.Address{}
	}
	return c
}

// replaces reports whether a flag replaces the value in d.
func (o *overlay) replaces(f copied, d settings.Document) bool {
	return o.flags.Changed(f.flag) && (f.unless == "" || !d.IsFile() || !d.Sets(f.unless))
}

// health is the address for the readiness of Envoy. The flags for statistics set it too, unless an object sets it: a file can
// only move the statistics away from it, as in Contour.
func (o *overlay) health(at config.Address, byFlags bool) config.Address {
	for _, f := range o.copies {
		if !byFlags || !o.flags.Changed(f.flag) {
			continue
		}
		switch f.flag {
		case "stats-address":
			at.Host = o.values.Listeners.Stats.Host
		case "stats-port":
			at.Port = o.values.Listeners.Stats.Port
		}
	}
	return at
}

// overriding returns the flags that replace a value which d sets. base is the configuration without d, c the one with it.
func (o *overlay) overriding(base, c config.Config, d settings.Document) (flags []string) {
	for _, f := range o.copies {
		if o.replaces(f, d) && !f.equal(&base, &c) && !f.equal(&c, &o.values) {
			flags = append(flags, "--"+f.flag)
		}
	}
	return flags
}

func (o *overlay) addPort(p *uint32, name string, value uint32, usage string) {
	*p = value
	o.flags.Var((*portValue)(p), name, usage)
}

func (o *overlay) addIP(p *string, name, value, usage string) {
	*p = value
	o.flags.Var((*ipValue)(p), name, usage)
}

func (o *overlay) addList(p *[]string, name string, value []string, usage string) {
	*p = value
	o.flags.Var((*listValue)(p), name, usage)
}

// addChoice adds a flag that takes one of several texts.
func (o *overlay) addChoice(allowed ...string) func(p *string, name, value, usage string) {
	return func(p *string, name, value, usage string) {
		*p = value
		o.flags.Var(choiceValue{p, allowed}, name, usage)
	}
}

// portValue is a port; 0 takes a free one.
type portValue uint32

func (v *portValue) String() string { return strconv.FormatUint(uint64(*v), 10) }
func (v *portValue) Type() string   { return "uint16" }

func (v *portValue) Set(s string) error {
	n, err := strconv.ParseUint(s, 0, 16)
	if err != nil {
		return fmt.Errorf("%q is not between 0 and 65535", s)
	}
	*v = portValue(n)
	return nil
}

// ipValue is an IP address.
type ipValue string

func (v *ipValue) String() string { return string(*v) }
func (v *ipValue) Type() string   { return "string" }

func (v *ipValue) Set(s string) error {
	if _, err := netip.ParseAddr(s); err != nil {
		return fmt.Errorf("%q is not an IP address", s)
	}
	*v = ipValue(s)
	return nil
}

// listValue is texts with commas between.
type listValue []string

func (v *listValue) String() string { return strings.Join(*v, ",") }
func (v *listValue) Type() string   { return "string" }

func (v *listValue) Set(s string) error {
	*v = list(s)
	return nil
}

// choiceValue is one of several texts.
type choiceValue struct {
	value   *string
	allowed []string
}

func (v choiceValue) String() string {
	if v.value == nil {
		return ""
	}
	return *v.value
}

func (v choiceValue) Type() string { return "string" }

func (v choiceValue) Set(s string) error {
	for _, a := range v.allowed {
		if s == a {
			*v.value = s
			return nil
		}
	}
	return errors.New(strconv.Quote(s) + " is not one of " + strings.Join(v.allowed, ", "))
}

// certificatesValue says how Envoy gets certificates: true is on demand.
type certificatesValue bool

// The values of --tls-certificates.
const (
	perHost  = "per-host"
	onDemand = "on-demand"
)

func (v *certificatesValue) Type() string { return "string" }

func (v *certificatesValue) String() string {
	if *v {
		return onDemand
	}
	return perHost
}

func (v *certificatesValue) Set(s string) error {
	*v = s == onDemand
	if s != perHost && s != onDemand {
		return errors.New(strconv.Quote(s) + " is not one of " + perHost + ", " + onDemand)
	}
	return nil
}

func (o *overlay) addRanges(p *[]netip.Prefix, name string, value []netip.Prefix, usage string) {
	*p = value
	o.flags.Var((*rangesValue)(p), name, usage)
}

// rangesValue is ranges of addresses with commas between.
type rangesValue []netip.Prefix

func (v *rangesValue) Type() string { return "strings" }

func (v *rangesValue) String() string {
	texts := make([]string, 0, len(*v))
	for _, p := range *v {
		texts = append(texts, p.String())
	}
	return strings.Join(texts, ",")
}

func (v *rangesValue) Set(s string) error {
	*v = nil
	for _, item := range list(s) {
		p, err := netip.ParsePrefix(item)
		if err != nil {
			return fmt.Errorf("%q is not a range of addresses such as 192.0.2.0/24", item)
		}
		if bits := p.Addr().BitLen() - p.Bits(); bits >= 63 || 1<<bits > config.MaxGatewayAddresses {
			return fmt.Errorf("%q has more than %d addresses", item, config.MaxGatewayAddresses)
		}
		*v = append(*v, p.Masked())
	}
	return nil
}
