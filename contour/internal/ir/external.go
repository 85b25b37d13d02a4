package ir

import "slices"

// ExternalService is a Service whose endpoints are the addresses of a name. The zero value has no name to resolve.
type ExternalService struct {
	Host  string // a DNS name in lower case without a dot at its end, or an IP address
	Ports []NamedPort
}

// NamedPort is a TCP port of a Service.
type NamedPort struct {
	Name   string // "" if it has none
	Number int32
}

// Equal reports whether both have the same name and ports.
func (s ExternalService) Equal(o ExternalService) bool {
	return s.Host == o.Host && slices.Equal(s.Ports, o.Ports)
}

// AddressFamily says which addresses of a name are used.
type AddressFamily string

// The families.
const (
	AddressesAuto AddressFamily = "auto" // IPv6 if there are any and the network has them, else IPv4
	AddressesV4   AddressFamily = "v4"
	AddressesV6   AddressFamily = "v6"
	AddressesAll  AddressFamily = "all"
)
