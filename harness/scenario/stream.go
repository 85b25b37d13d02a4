package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/net/websocket"

	"contour.example/harness/traffic"
)

// line is what is sent over WebSocket and TLS connections.
const line = "hello"

// upgrade reports whether the request is for a WebSocket.
func (q Request) upgrade() bool {
	return strings.HasPrefix(q.URL, "ws://") || strings.HasPrefix(q.URL, "wss://")
}

// tcp reports whether the request is bytes over TLS.
func (q Request) tcp() bool { return strings.HasPrefix(q.URL, "tls://") }

// exchange sends the line, and returns what is wrong with the received one, or "".
func (q Request) exchange(ctx context.Context, c traffic.Client, request traffic.Request) string {
	service, reply, err := "", "", error(nil)
	if q.tcp() {
		service, reply, err = c.TCP(ctx, request, line)
	} else {
		reply, err = c.WebSocket(ctx, request, line)
	}
	switch {
	case q.upgrade() && q.Want.Status != http.StatusSwitchingProtocols:
		if !errors.Is(err, websocket.ErrBadStatus) {
			return fmt.Sprintf("want the upgrade rejected, got error %v", err)
		}
		return ""
	case err != nil:
		return err.Error()
	case reply != line:
		return fmt.Sprintf("received %q, want %q", reply, line)
	case q.Want.Backend != "" && service != q.Want.Backend:
		return fmt.Sprintf("backend %s, want %s", service, q.Want.Backend)
	}
	return ""
}
