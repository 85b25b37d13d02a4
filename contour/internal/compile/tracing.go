package compile

import (
	"slices"

	"contour.example/contour/internal/compile/contrib"
	"contour.example/contour/internal/compile/extension"
	"contour.example/contour/internal/config"
	"contour.example/contour/internal/ir"
	"contour.example/contour/internal/kobj"
	"contour.example/contour/internal/memo"
	"contour.example/contour/internal/report"
)

// traced makes the HTTP listeners of the configuration trace requests. If the ExtensionService cannot be called they do not,
// and all else is as without tracing: it protects nothing.
func traced(r *memo.Reader, c config.Tracing, extensions *extension.Table, root contrib.Root) contrib.Root {
	if c.Collector == (kobj.Name{}) {
		return root
	}
	var problems report.Collector
	tracing, problem := tracingOf(c, extensions.Get(r, c.Collector))
	if problem != "" {
		problems.Collect(report.Diagnostic{
			Object: kobj.Key{Kind: kobj.ExtensionService, Name: c.Collector}, Severity: report.Error,
			Type: report.TypeSpec, Reason: report.InconsistentProtocol, Field: "spec.protocol", Message: problem,
		})
		root.Report = problems.Finish(report.TypeSpec)
	}
	for i := range root.Listeners {
		if l := &root.Listeners[i]; !l.Admin {
			l.Client.Tracing = tracing
		}
	}
	return root
}

// tracedToo makes the listeners of an object trace requests as those of the configuration.
func tracedToo(r *memo.Reader, c config.Tracing, extensions *extension.Table, root contrib.Root) contrib.Root {
	if c.Collector == (kobj.Name{}) || len(root.Listeners) == 0 {
		return root
	}
	tracing, _ := tracingOf(c, extensions.Get(r, c.Collector))
	for i := range root.Listeners {
		root.Listeners[i].Client.Tracing = tracing
	}
	return root
}

// tracingOf returns nil if the ExtensionService does not exist or cannot be called; problem is why, for its status, if that does not
// have an error anyway.
func tracingOf(c config.Tracing, to extension.Extension) (out *ir.Tracing, problem string) {
	switch {
	case !to.Usable:
		return nil, ""
	case to.Cluster.Protocol == ir.ProtocolHTTP1:
		return nil, "The ExtensionService is to collect traces, for which gRPC is called, and has protocol http/1.1."
	}
	tags := slices.Clone(c.Tags)
	if !c.OmitPodDetail { // the variables that Envoy has in its pod
		tags = append(tags, ir.TraceTag{Name: "podName", Environment: "HOSTNAME"}, ir.TraceTag{Name: "podNamespace", Environment: "CONTOUR_NAMESPACE"})
	}
	return &ir.Tracing{
		Collector: to.Cluster, Timeout: to.Timeout, ServiceName: c.ServiceName, Client: c.Client, Random: c.Random, Overall: c.Overall,
		MaxPathBytes: c.MaxPathBytes, Tags: tags,
	}, ""
}
