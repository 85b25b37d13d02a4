package image

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// Policy specifies whether images may be pulled.
type Policy string

// The policies. Auto queries the registry of each image.
const (
	Auto  Policy = "auto"
	Pull  Policy = "pull"
	Build Policy = "build"
)

// ErrPolicy is the error for a policy that is none of the three.
var ErrPolicy = errors.New("want auto, pull or build")

// Decision is what to do to get an image.
type Decision struct {
	// Pull it; else build it.
	Pull bool
	// Reason is why, as a clause for messages.
	Reason string
}

// Decider queries registries. The zero value is ready to use.
type Decider struct {
	// Timeout is for one registry; 0 is 4 seconds.
	Timeout time.Duration
	// Policy is Auto if empty.
	Policy Policy
}

// Decide returns whether to pull the image. In doubt it is built: a registry that does
// not answer in time, that demands a login or that is out of order is not an error.
func (d Decider) Decide(ctx context.Context, ref string) (Decision, error) {
	parsed, err := name.ParseReference(ref)
	if err != nil {
		return Decision{}, fmt.Errorf("image name: %w", err)
	}
	switch d.Policy {
	case Pull:
		return Decision{Pull: true, Reason: "as requested"}, nil
	case Build:
		return Decision{Reason: "as requested"}, nil
	case Auto, "":
		return d.query(ctx, parsed), ctx.Err()
	default:
		return Decision{}, fmt.Errorf("image policy %q: %w", d.Policy, ErrPolicy)
	}
}

func (d Decider) query(ctx context.Context, ref name.Reference) Decision {
	timeout := d.Timeout
	if timeout == 0 {
		timeout = 4 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	registry := ref.Context().RegistryStr()
	_, err := remote.Head(ref, remote.WithContext(ctx), remote.WithRetryBackoff(remote.Backoff{Steps: 1}))
	var answer *transport.Error
	switch {
	case err == nil:
		return Decision{Pull: true, Reason: registry + " has it"}
	case errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound:
		return Decision{Reason: registry + " does not have it"}
	case errors.As(err, &answer):
		return Decision{Reason: fmt.Sprintf("%s answers %d", registry, answer.StatusCode)}
	default:
		return Decision{Reason: registry + " does not answer"}
	}
}
