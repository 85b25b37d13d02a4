package semantic

import "strings"

// earlyValue evaluates the format of a header that is set before the request is routed. A server name has no percent sign.
func (x *exchange) earlyValue(format string) (string, error) {
	return newEditor(x.headers).format(strings.ReplaceAll(format, "%REQUESTED_SERVER_NAME%", x.SNI))
}
