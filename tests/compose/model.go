package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// The files that `docker compose` reads.
const (
	composeFile = "docker-compose.yml"
	envFile     = ".env"
)

// What a user may ask for, by the name under which it is told. No profile means that of .env.
var combinations = []struct {
	name     string
	profiles []string
}{
	{"nothing", nil},
	{"full", []string{"full"}},
	{"lean", []string{"lean"}},
	{"opensearch", []string{"opensearch"}},
	{"full and opensearch", []string{"full", "opensearch"}},
	{"full and demo", []string{"full", "demo"}},
	{"lean and demo", []string{"lean", "demo"}},
	{"opensearch and demo", []string{"opensearch", "demo"}},
}

// load reads the files of a folder as `docker compose` does: the same library, the same order of
// steps. The environment of this process has no say.
func load(folder string, profiles []string) (*types.Project, error) {
	options, err := cli.NewProjectOptions(
		[]string{filepath.Join(folder, composeFile)},
		cli.WithWorkingDirectory(folder),
		cli.WithEnvFiles(filepath.Join(folder, envFile)),
		cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...),
		cli.WithInterpolation(true),
		cli.WithConsistency(true),
		cli.WithResolvedPaths(true),
	)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

// model is what the tests of cspipe read: every service as it is after anchors, variables and
// defaults, and which of them a user gets.
func model(folder string) ([]byte, error) {
	project, err := load(folder, []string{"*"})
	if err != nil {
		return nil, err
	}
	services, err := json.Marshal(project.Services)
	if err != nil {
		return nil, err
	}
	enabled := map[string][]string{}
	for _, combination := range combinations {
		some, err := load(folder, combination.profiles)
		if err != nil {
			return nil, fmt.Errorf("with %s: %w", combination.name, err)
		}
		enabled[combination.name] = slices.Sorted(maps.Keys(some.Services))
	}
	sources := map[string]string{}
	for _, name := range []string{composeFile, envFile} {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(text)
		sources[name] = hex.EncodeToString(sum[:])
	}
	whole, err := json.MarshalIndent(map[string]any{
		"about":    "Written by scripts/compose-check --write. Of these files it is the model:",
		"sources":  sources,
		"enabled":  enabled,
		"services": json.RawMessage(services),
	}, "", " ")
	if err != nil {
		return nil, err
	}
	// Where the checkout lies is nobody's business.
	whole = bytes.ReplaceAll(whole, []byte(`"`+folder+`/`), []byte(`"./`))
	whole = bytes.ReplaceAll(whole, []byte(`"`+folder+`"`), []byte(`"."`))
	return append(whole, '\n'), nil
}
