// Holds dashboards against Grafana's own types: every key of the dashboard, of each panel's options and
// of each query has to exist there, with a value of its type.
//
// Usage: go run . DASHBOARD.json …
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	wrong := false
	for _, path := range os.Args[1:] {
		raw, err := os.ReadFile(path)
		if err == nil {
			var read dashboard.Dashboard
			if err = read.UnmarshalJSONStrict(raw); err == nil {
				err = read.Validate()
			}
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			wrong = true
		}
	}
	if wrong || len(os.Args) < 2 {
		os.Exit(1)
	}
	fmt.Printf("%d dashboards are as Grafana's types say\n", len(os.Args)-1)
}
