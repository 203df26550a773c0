package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// copied makes a folder with the compose file after some replacements, and all that it mounts.
func copied(t *testing.T, replace ...string) string {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{composeFile, envFile} {
		bytes, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(bytes)
		for i := 0; i+2 < len(replace); i += 3 {
			if replace[i] != name {
				continue
			}
			if !strings.Contains(text, replace[i+1]) {
				t.Fatalf("%s has no %q, so this shows nothing", name, replace[i+1])
			}
			text = strings.Replace(text, replace[i+1], replace[i+2], 1)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// Whether the real ones are there is for the real folder to show.
	project, err := load(folder, []string{"*"})
	if err != nil {
		return folder
	}
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type == "bind" && !strings.HasSuffix(volume.Source, "absent") {
				if err := os.MkdirAll(volume.Source, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	return folder
}

func TestTheFileHolds(t *testing.T) {
	if wrong := check(copied(t)); len(wrong) > 0 {
		t.Fatal(strings.Join(wrong, "\n"))
	}
}

// Each of these breaks one thing and has to be found out by name.
func TestMistakesAreFound(t *testing.T) {
	const c = composeFile
	for _, row := range []struct {
		name    string
		replace []string
		told    string
	}{
		{"an unknown key", []string{c, "    image: kibana:9.5.3", "    bogus: 1\n    image: kibana:9.5.3"}, "bogus"},
		{"a value of the wrong type", []string{c, "stop_grace_period: 60s", "stop_grace_period: soon"}, "stop_grace_period"},
		{"a tag that moves", []string{c, "image: apache/kafka:4.3.1", "image: apache/kafka:latest"}, `kafka: image "apache/kafka:latest" has a tag that moves`},
		{"half a version", []string{c, "image: logstash:9.5.3", "image: logstash:9.5"}, "logstash: image"},
		{"no tag", []string{c, "image: grafana/grafana:13.2.3", "image: grafana/grafana"}, "grafana: image \"grafana/grafana\" has no tag"},
		{"a port for everybody", []string{c, "127.0.0.1:${KAFKA_PORT:-9092}:9094", "${KAFKA_PORT:-9092}:9094"}, `kafka: port 9092 is published on ""`},
		{"a port for some", []string{c, "127.0.0.1:${KIBANA_PORT:-5601}", "0.0.0.0:${KIBANA_PORT:-5601}"}, "kibana: port 5601"},
		{"a port twice", []string{c, "${PROMETHEUS_PORT:-9090}", "${GRAFANA_PORT:-3000}"}, "both want port 3000"},
		{"a mount of nothing", []string{c, "./config/kibana:", "./config/absent:"}, "kibana-init: mounts absent"},
		{"a mount to write to", []string{c, "./filters:/etc/cspipe/filters:ro", "./filters:/etc/cspipe/filters"}, "may write to filters"},
		{"no memory limit", []string{c, "mem_limit: 1536m\n", "\n"}, "elasticsearch: no memory limit"},
		{"no restart", []string{c, "  restart: unless-stopped\n", ""}, `restart is ""`},
		{"no health check", []string{c, "    healthcheck:\n      <<: *health\n      test: [CMD, wget, -q, -O, /dev/null, \"http://localhost:9090/-/ready\"]\n", ""}, "prometheus: no health check"},
		{"a health check that the image cannot do", []string{c, "test: [CMD, wget, -q, -O, /dev/null, \"http://localhost:3000", "test: [CMD, nc, \"http://localhost:3000"}, "grafana: its health check does not use \"wget\""},
		{"a volume that nobody uses", []string{c, "\nvolumes:\n", "\nvolumes:\n  spare:\n"}, "volume spare"},
		{"a volume that nobody declares", []string{c, "- kafka:/var/lib/kafka/data", "- kafkas:/var/lib/kafka/data"}, "kafkas"},
		{"a dependency on nothing", []string{c, "elasticsearch-init: { condition: service_completed_successfully }", "elastic-init: { condition: service_completed_successfully }"}, "elastic-init"},
		{"a dependency of another profile", []string{c, "profiles: [full, opensearch]\n    mem_limit: 1g", "profiles: [full]\n    mem_limit: 1g"}, "opensearch"},
		{"a step that nobody waits for", []string{c, "      kibana-init: { condition: service_completed_successfully, required: false }\n", ""}, "nobody who stays waits for kibana-init"},
		{"a step that is only waited for until it starts", []string{c, "opensearch-init: { condition: service_completed_successfully }", "opensearch-init: { condition: service_started }"}, "does not wait until opensearch-init"},
		{"waiting for the health of a step", []string{c, "elasticsearch-init: { condition: service_completed_successfully }", "elasticsearch-init: { condition: service_healthy }"}, "the health of elasticsearch-init"},
		{"a service without a profile", []string{c, "    profiles: [demo]\n", ""}, "demo: no profile"},
		{"a variable that .env does not tell", []string{c, "${DEMO_PER_SECOND:-10}", "${DEMO_RATE:-10}"}, "${DEMO_RATE} is not in .env"},
		{"two defaults", []string{c, "${DEMO_PER_SECOND:-10}", "${DEMO_PER_SECOND:-11}"}, "${DEMO_PER_SECOND} falls back"},
		{"a variable that nothing reads", []string{envFile, "GRAFANA_PORT=3000", "GRAFANA_PORT=3000\nSPARE=1"}, ".env has SPARE"},
		{"a profile that nothing has", []string{envFile, "COMPOSE_PROFILES=full", "COMPOSE_PROFILES=ful"}, "with nothing: nothing would start"},
		{"one image built twice", []string{c, "  pull_policy: never\n", "  build: .\n"}, "with opensearch: edge and indexer both build cspipe:0.1.0"},
		{"an image that nobody builds", []string{c, "  build:\n    context: .\n    args:\n      CSPIPE_REVISION: ${CSPIPE_REVISION:-unknown}\n", ""}, "takes cspipe:0.1.0, which nobody builds"},
		{"our image with more than it needs", []string{c, "  read_only: true\n  cap_drop: [ALL]\n  # For", "  # For"}, "our own image runs with more than it needs"},
	} {
		t.Run(row.name, func(t *testing.T) {
			wrong := strings.Join(check(copied(t, row.replace...)), "\n")
			if !strings.Contains(wrong, row.told) {
				t.Fatalf("wanted %q, was told:\n%s", row.told, wrong)
			}
		})
	}
}

// A profile on the command line replaces that of .env, so `lean` alone is lean.
func TestProfilesAreReplaced(t *testing.T) {
	folder := copied(t)
	for _, row := range []struct {
		profiles []string
		has, not string
	}{
		{nil, "kibana", "opensearch"},
		{[]string{"lean"}, "edge-lean", "kafka"},
		{[]string{"opensearch"}, "indexer", "logstash"},
		{[]string{"lean", "demo"}, "demo", "edge"},
	} {
		project, err := load(folder, row.profiles)
		if err != nil {
			t.Fatal(err)
		}
		if _, has := project.Services[row.has]; !has {
			t.Errorf("%v: no %s", row.profiles, row.has)
		}
		if _, has := project.Services[row.not]; has {
			t.Errorf("%v: %s too", row.profiles, row.not)
		}
	}
}
