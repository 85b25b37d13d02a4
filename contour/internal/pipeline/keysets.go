package pipeline

import (
	"context"

	"contour.example/contour/internal/jwks"
	"contour.example/contour/internal/kobj"
)

// SetKeySets replaces fetched key sets, derives and publishes; the zero value removes one.
func (p *Pipeline) SetKeySets(sets map[jwks.Owner]jwks.KeySet) Result {
	return p.step(func() []kobj.Key {
		p.Store.SetKeySets(sets)
		return nil
	})
}

// DeliverKeySets makes Run call SetKeySets. It reports false if the context ended before.
func (p *Pipeline) DeliverKeySets(ctx context.Context, sets map[jwks.Owner]jwks.KeySet) bool {
	return p.deliver(ctx, func() Result { return p.SetKeySets(sets) })
}
