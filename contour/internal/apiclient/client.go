// Package apiclient asks a running controller: it finds the controllers of a cluster, forwards a port to each as kubectl does, and reads the
// documents of package apiv1 page by page.
//
// It needs the permission to list pods and to forward ports in the namespace of the controller, and no other. It must not print.
package apiclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"contour.example/contour/internal/api/apiv1"
)

// maxAnswer bounds an answer in bytes: a page of 4 MiB and an item of any size.
const maxAnswer = 64 << 20

// Client asks one controller.
type Client struct {
	Name    string // of the pod, or the address
	address string
	http    *http.Client
	stop    func()
	fault   error // why the controller cannot be asked
	wait    func(context.Context, time.Duration) error
}

// At returns a client of the controller at an address of this machine, such as 127.0.0.1:6060.
func At(address string) *Client {
	return &Client{Name: address, address: address, http: &http.Client{Transport: &http.Transport{}}, stop: func() {}, wait: wait}
}

// Unreachable returns a client of a controller that cannot be asked; each request returns the error.
func Unreachable(name string, err error) *Client {
	c := At("")
	c.Name, c.fault = name, err
	return c
}

// wait returns after a time, or with an error when the context ends before.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends the connections.
func (c *Client) Close() {
	c.http.CloseIdleConnections()
	c.stop()
}

// Failure is an answer of the controller that it cannot serve the request.
type Failure struct{ Document apiv1.Error }

func (f *Failure) Error() string { return f.Document.Message }

// ErrOld is returned when the controller has no such API.
var ErrOld = errors.New("there is no API for this: the version of the controller is another than that of this command, or something else answers there")

// The bounds of how often a busy controller is asked again, and of the time before that.
const (
	maxRetries = 20
	maxWait    = 5 * time.Second
)

// Get reads a document. It asks a controller that is busy again when that says so, until the context ends.
func Get[T any](ctx context.Context, c *Client, path string, q url.Values) (out T, err error) {
	for n := 0; ; n++ {
		response, text, err := c.do(ctx, path, q)
		if err != nil {
			return out, fmt.Errorf("controller %s: %w", c.Name, cause(err))
		}
		seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if response.StatusCode != http.StatusServiceUnavailable || err != nil || n == maxRetries ||
			c.wait(ctx, min(max(time.Duration(seconds), 0)*time.Second, maxWait)) != nil {
			return decode[T](c, response, text)
		}
	}
}

// do sends a request and reads the answer.
func (c *Client) do(ctx context.Context, path string, q url.Values) (*http.Response, []byte, error) {
	if c.fault != nil {
		return nil, nil, c.fault
	}
	u := url.URL{Scheme: "http", Host: c.address, Path: apiv1.Path + path, RawQuery: q.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it is read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response, text, err
}

func decode[T any](c *Client, response *http.Response, text []byte) (out T, err error) {
	if response.StatusCode != http.StatusOK {
		failed := &Failure{}
		if json.Unmarshal(text, &failed.Document) != nil || failed.Document.Kind != "Error" {
			return out, fmt.Errorf("controller %s: %w (%s)", c.Name, ErrOld, response.Status)
		}
		return out, failed
	}
	var document apiv1.Type
	if json.Unmarshal(text, &document) != nil || document.APIVersion != apiv1.Version {
		return out, fmt.Errorf("controller %s: %w (%s)", c.Name, ErrOld, response.Status)
	}
	if err := json.Unmarshal(text, &out); err != nil {
		return out, fmt.Errorf("controller %s: answer: %w", c.Name, err)
	}
	return out, nil
}

// cause returns an error without the URL of the request, which may have what is not to be printed.
func cause(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// pageSize is the number of items of a page.
const pageSize = "500"

// All reads a list of any length: up to most items, all if it is 0. changed: something has changed meanwhile.
func All[T any](ctx context.Context, c *Client, path string, q url.Values, most int) (items []T, changed bool, err error) {
	next := url.Values{"limit": {pageSize}}
	for name, values := range q {
		next[name] = values
	}
	for {
		list, err := Get[apiv1.List[T]](ctx, c, path, next)
		if err != nil {
			return nil, false, err
		}
		items = append(items, list.Items...)
		if list.Page == nil || list.Page.Continue == "" || most > 0 && len(items) >= most {
			return items, changed || list.Page != nil && list.Page.Changed, nil
		}
		changed = changed || list.Page.Changed
		next.Set("continue", list.Page.Continue)
	}
}

// Path returns the path of an object; "-" stands for no namespace.
func Path(o apiv1.Object) string {
	namespace := o.Namespace
	if namespace == "" {
		namespace = "-"
	}
	return strings.Join([]string{"objects", o.Kind, namespace, o.Name}, "/")
}
