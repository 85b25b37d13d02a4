package jwks

import (
	"time"

	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
)

// Owner is a JWT provider whose keys are fetched.
type Owner struct {
	Proxy    kobj.Name // the root HTTPProxy
	Provider string
}

// Family is the IP versions of the addresses of a server.
type Family uint8

// The families.
const (
	FamilyAuto Family = iota // any
	FamilyV4
	FamilyV6
)

// Request is what is fetched, and how.
type Request struct {
	URI     string // with scheme http or https
	CA      kobj.Name
	Names   ir.List // of which the certificate of the server must contain one; empty: the host of URI
	Family  Family
	Timeout time.Duration // of one attempt
	Refresh time.Duration // between two fetches
}

// Remote is a key set that a provider wants. Its value beside it is the CA bundle, in PEM.
type Remote struct {
	Owner   Owner
	Request Request
}

// Failure is why the keys could not be fetched: the end of a sentence for users that begins with the keys. It contains
// nothing of a response. Empty is success.
type Failure string

// The failures.
const (
	Unreachable Failure = "cannot be fetched: no connection to the server is possible"
	Refused     Failure = "cannot be fetched: the server has no address to which the controller may connect"
	Unresolved  Failure = "cannot be fetched: the name of the server does not resolve"
	TooSlow     Failure = "cannot be fetched: the server does not respond in time"
	Untrusted   Failure = "cannot be fetched: the certificate of the server cannot be verified"
	BadStatus   Failure = "cannot be fetched: the server responds with a status other than 200; redirects are not followed"
	TooLarge    Failure = "cannot be fetched: the response is larger than 64 KiB"
	NotKeys     Failure = "cannot be used: the response is not a JSON Web Key Set with a usable key"
	OverBudget  Failure = "are not fetched: the namespace, or the controller, fetches too many key sets"
)

// KeySet is the state of the keys of an owner. The zero value has no keys yet, and no failure.
type KeySet struct {
	Keys ir.KeySet // the last good ones, "" if there are none or they are too old
	// Failure is why the last attempts failed, if enough of them have to be reported.
	Failure Failure
}
