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

// line is what is sent over connections that are not plain requests.
const line = "hello"

// upgrade says whether the request asks for a WebSocket.
func (q Request) upgrade() bool {
	return strings.HasPrefix(q.URL, "ws://") || strings.HasPrefix(q.URL, "wss://")
}

// stream says whether the request is bytes over TLS.
func (q Request) stream() bool { return strings.HasPrefix(q.URL, "tls://") }

// exchange sends the line, and says what is wrong with what comes back, or nothing.
func (q Request) exchange(ctx context.Context, c traffic.Client, ask traffic.Request) string {
	service, reply, err := "", "", error(nil)
	if q.stream() {
		service, reply, err = c.TCP(ctx, ask, line)
	} else {
		reply, err = c.WebSocket(ctx, ask, line)
	}
	switch {
	case q.upgrade() && q.Want.Status != http.StatusSwitchingProtocols:
		if !errors.Is(err, websocket.ErrBadStatus) {
			return fmt.Sprintf("want the upgrade refused, got error %v", err)
		}
		return ""
	case err != nil:
		return err.Error()
	case reply != line:
		return fmt.Sprintf("%q came back, want %q", reply, line)
	case q.Want.Backend != "" && service != q.Want.Backend:
		return fmt.Sprintf("backend %s, want %s", service, q.Want.Backend)
	}
	return ""
}
