package v1

// MatchCondition is a condition on a request. Conditions of one list must all
// match; within one entry at most one of prefix, exact and regex may be set.
type MatchCondition struct {
	// The path starts with these characters.
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// The path is this.
	// +optional
	Exact string `json:"exact,omitempty"`
	// The whole path matches this RE2 expression.
	// +optional
	Regex string `json:"regex,omitempty"`
	// A condition on a request header.
	// +optional
	Header *HeaderMatchCondition `json:"header,omitempty"`
	// A condition on a query parameter.
	// +optional
	QueryParameter *QueryParameterMatchCondition `json:"queryParameter,omitempty"`
}

// HeaderMatchCondition is a condition on one header: its name and one operator.
type HeaderMatchCondition struct {
	// Name of the header, in any case.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// The header is present, with any value.
	// +optional
	Present bool `json:"present,omitempty"`
	// The header is absent.
	// +optional
	NotPresent bool `json:"notpresent,omitempty"`
	// The value contains this.
	// +optional
	Contains string `json:"contains,omitempty"`
	// The value does not contain this.
	// +optional
	NotContains string `json:"notcontains,omitempty"`
	// Compares values without regard to case. Not for regex.
	// +optional
	IgnoreCase bool `json:"ignoreCase,omitempty"`
	// The value is this.
	// +optional
	Exact string `json:"exact,omitempty"`
	// The value is not this.
	// +optional
	NotExact string `json:"notexact,omitempty"`
	// The whole value matches this RE2 expression.
	// +optional
	Regex string `json:"regex,omitempty"`
	// With notexact and notcontains, a missing header counts as an empty value
	// and so meets the condition.
	// +optional
	TreatMissingAsEmpty bool `json:"treatMissingAsEmpty,omitempty"`
}

// QueryParameterMatchCondition is a condition on one query parameter: its name
// and one operator.
type QueryParameterMatchCondition struct {
	// Name of the parameter; the case counts.
	Name string `json:"name"`
	// The value is this.
	// +optional
	Exact string `json:"exact,omitempty"`
	// The value starts with this.
	// +optional
	Prefix string `json:"prefix,omitempty"`
	// The value ends with this.
	// +optional
	Suffix string `json:"suffix,omitempty"`
	// The whole value matches this RE2 expression.
	// +optional
	Regex string `json:"regex,omitempty"`
	// The value contains this.
	// +optional
	Contains string `json:"contains,omitempty"`
	// Compares values without regard to case. Not for regex and present.
	// +optional
	IgnoreCase bool `json:"ignoreCase,omitempty"`
	// The parameter is present, with any value.
	// +optional
	Present bool `json:"present,omitempty"`
}
