package ir

// Tracing records requests and sends the records to a service that speaks OpenTelemetry (OTLP over gRPC).
type Tracing struct {
	Collector   ExtensionCluster
	Timeout     Timeout // of one call; zero stands for 5 s
	ServiceName string
	// The shares of requests that are traced, in percent: of those whose client asks for it, of the others, and of both together.
	Client, Random, Overall float64
	MaxPathBytes            uint32 // at which recorded paths are cut
	Tags                    []TraceTag
}

// TraceTag is a value that each record contains: one of a fixed text, a header of the request and a variable of the environment of
// Envoy.
type TraceTag struct{ Name, Literal, Header, Environment string }
