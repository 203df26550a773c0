// Loads docker-compose.yml with the library of Docker Compose, once for each set of profiles that a
// user may ask for, and says what is wrong with it. It starts nothing and needs no engine.
//
//	compose FOLDER          check, and hold tests/compose/model.json to be the model of the file
//	compose --write FOLDER  check, and write it
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	arguments := os.Args[1:]
	write := len(arguments) > 0 && arguments[0] == "--write"
	if write {
		arguments = arguments[1:]
	}
	if len(arguments) != 1 {
		fmt.Fprintln(os.Stderr, "usage: compose [--write] FOLDER")
		os.Exit(2)
	}
	folder, err := filepath.Abs(arguments[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	wrong := check(folder)
	written, err := model(folder)
	path := filepath.Join(folder, "tests", "compose", "model.json")
	if err != nil {
		wrong = append(wrong, err.Error())
	} else if write {
		if err := os.WriteFile(path, written, 0o644); err != nil {
			wrong = append(wrong, err.Error())
		}
	} else if there, err := os.ReadFile(path); err != nil || !bytes.Equal(there, written) {
		wrong = append(wrong, "tests/compose/model.json is not the model of the file; run scripts/compose-check --write")
	}
	for _, line := range wrong {
		fmt.Println(line)
	}
	if len(wrong) > 0 {
		os.Exit(1)
	}
	fmt.Printf("docker-compose.yml holds, with each of %d sets of profiles\n", len(combinations))
}
