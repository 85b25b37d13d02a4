package semantic

import (
	"fmt"
	"regexp"
	"strings"
)

// earlyValue evaluates the format of a header that is set before the request is routed.
func (x *exchange) earlyValue(format string) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(format, "%CEL(")
		text, err := newEditor(x.headers).format(before)
		if err != nil {
			return "", err
		}
		out.WriteString(text)
		if !found {
			return out.String(), nil
		}
		length := commandLength("(" + rest)
		if length < 0 {
			return "", fmt.Errorf("%q has an expression without end", format)
		}
		value, err := x.expression(rest[:length-2])
		if err != nil {
			return "", err
		}
		out.WriteString(value)
		format = rest[length:]
	}
}

// expression evaluates an expression of CEL in the one form that filter chains with several hosts have.
func (x *exchange) expression(text string) (string, error) {
	form := regexp.MustCompile(`^request\.host\.startsWith\(connection\.requested_server_name\) \|\| request\.host\.matches\('([^']*)'\) \? (\S+) : (\S+)$`)
	m := form.FindStringSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("the model does not support the expression %q", text)
	}
	other, err := regexp.Compile(m[1])
	if err != nil {
		return "", fmt.Errorf("expression %q: %w", text, err)
	}
	if strings.HasPrefix(x.authority, x.SNI) || other.MatchString(x.authority) {
		return x.operand(m[2])
	}
	return x.operand(m[3])
}

func (x *exchange) operand(text string) (string, error) {
	switch {
	case text == "request.host":
		return x.authority, nil
	case text == "connection.requested_server_name":
		return x.SNI, nil
	case len(text) > 1 && text[0] == '\'' && text[len(text)-1] == '\'':
		return text[1 : len(text)-1], nil
	}
	return "", fmt.Errorf("the model does not support the operand %s", text)
}
