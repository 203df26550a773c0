// Holds dashboards against Grafana's own types: every key of the dashboard, of each panel with its options
// and its units, and of each query has to exist there, with a value of its type.
//
// Usage: go run . DASHBOARD.json …
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	wrong := len(os.Args) < 2
	for _, path := range os.Args[1:] {
		for _, mistake := range mistakes(path) {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, mistake)
			wrong = true
		}
	}
	if wrong {
		os.Exit(1)
	}
	fmt.Printf("%d dashboards are as Grafana's types say\n", len(os.Args)-1)
}

func mistakes(path string) []error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return []error{err}
	}
	var found []error
	// The library gives an empty list where there is no mistake, which is an error without a word.
	add := func(where string, err error) {
		if err != nil && err.Error() != "" {
			found = append(found, fmt.Errorf("%s%w", where, err))
		}
	}
	var read dashboard.Dashboard
	add("", read.UnmarshalJSONStrict(raw))
	add("", read.Validate())

	// It reads what belongs to a panel's fields without looking for keys that it does not know.
	var bare struct {
		Panels []struct {
			Title       string
			FieldConfig struct{ Defaults json.RawMessage }
		}
	}
	add("", json.Unmarshal(raw, &bare))
	for _, panel := range bare.Panels {
		if panel.FieldConfig.Defaults != nil {
			var fields dashboard.FieldConfig
			add(panel.Title+": ", fields.UnmarshalJSONStrict(panel.FieldConfig.Defaults))
		}
	}
	return found
}
