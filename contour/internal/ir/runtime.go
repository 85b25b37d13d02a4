package ir

// RuntimeSettings is what Envoys read from their runtime, a change of which replaces neither listeners nor clusters.
type RuntimeSettings struct {
	MaxRequestsPerIOCycle uint32 // of a connection, before others have a turn; 0 is no limit
	Values                []RuntimeValue
}

// RuntimeValue is a key of the runtime of Envoy, with its value as text.
type RuntimeValue struct{ Key, Value string }
