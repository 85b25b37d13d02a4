package semantic

import (
	"net/http"
	"strconv"
	"strings"
)

// replyToGRPC adds the status of gRPC to a local reply to a gRPC request.
func (x *exchange) replyToGRPC(a *Answer) {
	if x.bridged && len(a.From) == 0 {
		a.Body = "" // which is in the header grpc-message
	}
	if a.Status == 0 || len(a.From) > 0 || x.ownReply || !isGRPC(x.Headers) {
		return
	}
	if a.GRPCStatus == "" {
		a.GRPCStatus = strconv.Itoa(grpcStatus(a.Status))
	}
}

// isGRPC reports whether the type of the content is that of gRPC with an encoding or parameters, or without.
func isGRPC(headers map[string]string) bool {
	for name, value := range headers {
		if strings.EqualFold(name, "content-type") {
			rest, ok := strings.CutPrefix(value, "application/grpc")
			return ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
		}
	}
	return false
}

// grpcStatus returns the status of gRPC for one of HTTP (doc/http-grpc-status-mapping.md of gRPC).
func grpcStatus(status int) int {
	switch status {
	case http.StatusBadRequest:
		return 13 // internal
	case http.StatusUnauthorized:
		return 16 // unauthenticated
	case http.StatusForbidden:
		return 7 // permission denied
	case http.StatusNotFound:
		return 12 // unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 14 // unavailable
	}
	return 2 // unknown
}

// bridgeWeb makes a request of gRPC-Web one of gRPC, as the filter for it does.
func (x *exchange) bridgeWeb() {
	switch x.headers["content-type"] {
	case "application/grpc-web", "application/grpc-web+proto", "application/grpc-web-text", "application/grpc-web-text+proto":
		x.bridged = true
	}
}
