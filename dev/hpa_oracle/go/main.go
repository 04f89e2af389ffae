// Hpa_oracle reads cases, one a line, and answers each with the decisions of Kubernetes' own
// HorizontalPodAutoscaler controller. dev/hpa_oracle.py builds it, once for each minor version.
package main

import (
	"os"
	"testing"

	"dashportal.dev/cluster/podautoscaler"
)

func main() {
	answers := os.Stdout
	os.Stdout = os.Stderr // the testing package writes its own result there
	// A bubble of testing/synctest, which has the fake clock, belongs to a test.
	oracle := testing.InternalTest{Name: "oracle", F: func(t *testing.T) {
		if err := podautoscaler.Answer(t, os.Stdin, answers); err != nil {
			t.Fatal(err)
		}
	}}
	match := func(_, _ string) (bool, error) { return true, nil }
	testing.Main(match, []testing.InternalTest{oracle}, nil, nil)
}
