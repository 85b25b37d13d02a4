package httpproxy

import "testing"

func TestExpandVariables(t *testing.T) {
	t.Parallel()
	v := variables{namespace: "ns", service: "svc", port: 80}
	for text, want := range map[string]string{
		"plain":                        "plain",
		"100%":                         "100%%",
		"%":                            "%%",
		"%%":                           "%%%%",
		"%HOSTNAME%":                   "%HOSTNAME%",
		"%HOSTNAME%%PROTOCOL%":         "%HOSTNAME%%PROTOCOL%",
		"%UNKNOWN%":                    "%%UNKNOWN%%",
		"50% of %REQ(Host)%":           "50%% of %REQ(Host)%",
		"%REQ(x-a?:authority):12%":     "%REQ(x-a?:authority):12%",
		"%REQ()%":                      "%%REQ()%%",
		"%REQ(x):%":                    "%%REQ(x):%%",
		"%REQ(x y)%":                   "%%REQ(x y)%%",
		"%CONTOUR_NAMESPACE%/x":        "ns/x",
		"%CONTOUR_SERVICE_NAME%":       "svc",
		"%CONTOUR_SERVICE_PORT%":       "80",
		"%START_TIME%":                 "%%START_TIME%%",
		"%DOWNSTREAM_REMOTE_ADDRESS%%": "%DOWNSTREAM_REMOTE_ADDRESS%%%",
	} {
		if got := v.expand(text); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
	}
	if got, want := (variables{namespace: "ns"}).expand("%CONTOUR_SERVICE_NAME%"), "%%CONTOUR_SERVICE_NAME%%"; got != want {
		t.Errorf("outside a service: %q, want %q", got, want)
	}
}
