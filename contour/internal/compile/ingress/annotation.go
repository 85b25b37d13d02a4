package ingress

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"contour.example/contour/internal/compile/validate"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/report"
)

// annotations is the field of the annotations.
const annotations = "metadata.annotations"

// The annotations of an Ingress.
const (
	prefix = "projectcontour.io/"

	certNamespace    = prefix + "tls-cert-namespace" // the namespace of the Secrets of spec.tls
	forceSSLRedirect = "ingress.kubernetes.io/force-ssl-redirect"
	allowHTTP        = "kubernetes.io/ingress.allow-http"
	ingressClass     = prefix + "ingress.class"
	numRetries       = prefix + "num-retries"
	perTryTimeout    = prefix + "per-try-timeout"
	retryOn          = prefix + "retry-on"
	responseTimeout  = prefix + "response-timeout"
	requestTimeout   = prefix + "request-timeout" // the former name of response-timeout
	minimumTLS       = prefix + "tls-minimum-protocol-version"
	maximumTLS       = prefix + "tls-maximum-protocol-version"
	websocketRoutes  = prefix + "websocket-routes"
)

// settings are the values of the annotations; an invalid value counts as unset.
type settings struct {
	http            bool // serve on the HTTP listener
	redirect        bool // redirect HTTP requests to HTTPS; the HTTP listener serves the redirects regardless of http
	timeout         ir.Timeout
	retry           *ir.Retry
	minTLS, maxTLS  ir.TLSVersion
	secretNamespace string
	websockets      map[string]bool // by path as specified
}

func (b *builder) readAnnotations() {
	b.settings = settings{
		http:            b.readBool(allowHTTP, true),
		redirect:        b.readBool(forceSSLRedirect, false),
		timeout:         b.readResponseTimeout(),
		retry:           b.readRetry(),
		minTLS:          b.readTLSVersion(minimumTLS),
		maxTLS:          b.readTLSVersion(maximumTLS),
		secretNamespace: b.readNamespace(certNamespace),
		websockets:      map[string]bool{},
	}
	for _, path := range list(b.value(websocketRoutes)) {
		b.settings.websockets[path] = true
	}
	b.checkKnown()
}

func (b *builder) value(name string) string { return strings.TrimSpace(b.ingress.Annotations[name]) }

// invalid reports an invalid value of an annotation.
func (b *builder) invalid(name, value, problem string) {
	b.fail(report.AnnotationNotValid, annotationField(name), "Value %s %s.", quote(value), problem)
}

func annotationField(name string) string {
	return fmt.Sprintf("%s[%s]", annotations, report.Shorten(name, maxMessage))
}

// list returns the items of a comma-separated list that are not blank.
func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func (b *builder) readBool(name string, unset bool) bool {
	switch v := b.value(name); v {
	case "":
		return unset
	case "true", "false":
		return v == "true"
	default:
		b.invalid(name, v, `is not "true" or "false"`)
		return unset
	}
}

func (b *builder) readResponseTimeout() ir.Timeout {
	if b.value(responseTimeout) != "" {
		return b.readTimeout(responseTimeout)
	}
	return b.readTimeout(requestTimeout)
}

func (b *builder) readTimeout(name string) ir.Timeout {
	v := b.value(name)
	t, problem := validate.Timeout(v)
	if problem != "" {
		b.invalid(name, v, `is not a duration such as 1m30s, or "infinity"`)
	}
	return t
}

// readRetry returns the retry policy; nil without retry-on.
func (b *builder) readRetry() *ir.Retry {
	retry := &ir.Retry{On: b.readRetryOn(), Count: b.readRetryCount(), PerTry: b.readTimeout(perTryTimeout)}
	if len(retry.On) > 0 {
		return retry
	}
	for _, name := range []string{numRetries, perTryTimeout} {
		if b.value(name) != "" && b.value(retryOn) == "" {
			b.warn(report.AnnotationNotValid, annotationField(name), "The annotation has no effect without %s.", retryOn)
		}
	}
	return nil
}

func (b *builder) readRetryOn() []string {
	var on, unknown []string
	for _, c := range list(b.value(retryOn)) {
		switch {
		case validate.RetryOn(c) != "":
			unknown = append(unknown, c)
		case !slices.Contains(on, c):
			on = append(on, c)
		}
	}
	if len(unknown) > 0 {
		b.invalid(retryOn, strings.Join(unknown, ","), "is not a list of supported retry conditions, such as 5xx,reset")
	}
	return on
}

// readRetryCount returns the number of retries: none for -1, one for any other value that is not positive.
func (b *builder) readRetryCount() uint32 {
	v := b.value(numRetries)
	if v == "" {
		return 1
	}
	n, err := strconv.ParseInt(v, 10, 32)
	switch {
	case err != nil:
		b.invalid(numRetries, v, "is not an integer")
		return 1
	case n == -1:
		return 0
	case n <= 0:
		return 1
	}
	return uint32(n)
}

func (b *builder) readTLSVersion(name string) ir.TLSVersion {
	v := b.value(name)
	version, problem := validate.TLSVersion(v)
	if problem != "" {
		b.invalid(name, v, "is not 1.2 or 1.3")
	}
	return version
}

func (b *builder) readNamespace(name string) string {
	v := b.value(name)
	if v == "" || isNamespace(v) {
		return v
	}
	b.invalid(name, v, "is not a valid namespace name")
	return ""
}

func isNamespace(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

// secretNamespace returns the namespace of the Secrets of spec.tls whose name has no namespace.
func secretNamespace(i *networkingv1.Ingress) string {
	if v := strings.TrimSpace(i.Annotations[certNamespace]); isNamespace(v) {
		return v
	}
	return i.Namespace
}

// checkWebsocketRoutes reports the first of the websocket routes that is not a path of the Ingress.
func (b *builder) checkWebsocketRoutes(paths map[string]bool) {
	for _, p := range slices.Sorted(maps.Keys(b.settings.websockets)) {
		if !paths[p] {
			b.warn(report.AnnotationNotValid, annotationField(websocketRoutes), "No rule has the path %s.", quote(p))
			return
		}
	}
}

// checkKnown reports annotations of Contour that have no effect on an Ingress.
func (b *builder) checkKnown() {
	for _, name := range slices.Sorted(maps.Keys(b.ingress.Annotations)) {
		if strings.HasPrefix(name, prefix) && !known(name) {
			b.warn(report.AnnotationNotValid, annotationField(name), "The annotation %s has no effect on an Ingress.", quote(name))
		}
	}
}

func known(name string) bool {
	switch name {
	case ingressClass, numRetries, perTryTimeout, retryOn, responseTimeout, requestTimeout,
		minimumTLS, maximumTLS, certNamespace, websocketRoutes:
		return true
	}
	return false
}
