package settings

import (
	"strings"
	"testing"

	"contour.example/contour/internal/config"
)

func TestOverloadHealth(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Address{
		"":                                 {},
		"{port: 8003}":                     {Host: "0.0.0.0", Port: 8003},
		"{address: 192.0.2.1, port: 8003}": {Host: "192.0.2.1", Port: 8003},
	} {
		d, err := File("f", []byte("omEnforcedHealthListener: "+text))
		if err != nil {
			t.Fatal(err)
		}
		c, err := build(d)
		if got := c.Listeners.OverloadHealth; err != nil || got != want {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"{address: 192.0.2.1}":   "A port is required.",
		"{address: a, port: 80}": "is not an IP address",
		"{port: 8002}":           "Envoy's listeners for health under overload and for metrics have the same address and port",
		"{port: 8080}":           "Envoy's listeners for health under overload and for HTTP have the same address and port",
	} {
		d, err := File("f", []byte("omEnforcedHealthListener: "+text))
		if err != nil {
			t.Fatal(err)
		}
		c, err := build(d)
		if err == nil {
			err = d.CheckListeners(c)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}
