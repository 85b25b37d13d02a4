package app

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"contour.example/contour/internal/console"
	"contour.example/contour/internal/preview"
)

// The parts of SARIF 2.1.0, the static analysis results interchange format, that are used.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID string `json:"id"`
	}
	sarifResult struct {
		RuleID       string            `json:"ruleId"`
		Level        string            `json:"level"`
		Message      sarifMessage      `json:"message"`
		Locations    []sarifLocation   `json:"locations,omitempty"`
		Fingerprints map[string]string `json:"partialFingerprints"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
)

// fileRule is the rule of findings without a reason, which are about a file.
const fileRule = "Manifest"

// writeSARIF writes the findings for tools that show results of analyses. The fingerprint of a finding does not contain its line, so
// that it stays the same finding when lines are inserted before it.
func writeSARIF(w io.Writer, found []preview.Finding) error {
	version, _ := buildVersion()
	run := sarifRun{Tool: sarifTool{Driver: sarifDriver{Name: "contour", Version: version, Rules: []sarifRule{}}}, Results: []sarifResult{}}
	for _, x := range found {
		r := sarifResult{RuleID: string(x.Reason), Level: string(x.Severity), Message: sarifMessage{console.Line(objectName(x), x.Field, x.Message)}}
		if r.RuleID == "" {
			r.RuleID = fileRule
		}
		if rule := (sarifRule{r.RuleID}); !slices.Contains(run.Tool.Driver.Rules, rule) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{objectName(x), x.Field, r.RuleID}, "\x00")))
		r.Fingerprints = map[string]string{"finding/v1": hex.EncodeToString(sum[:16])}
		if x.File != "" {
			at := sarifPhysical{Artifact: sarifArtifact{filepath.ToSlash(x.File)}}
			if x.Line > 0 {
				at.Region = &sarifRegion{x.Line}
			}
			r.Locations = []sarifLocation{{at}}
		}
		run.Results = append(run.Results, r)
	}
	return writeJSON(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}
