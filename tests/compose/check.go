package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// check returns what is wrong with the compose file of a folder, a line each.
func check(folder string) []string {
	var wrong []string
	found := func(format string, parts ...any) {
		if line := fmt.Sprintf(format, parts...); !slices.Contains(wrong, line) {
			wrong = append(wrong, line)
		}
	}
	every, err := load(folder, []string{"*"})
	if err != nil {
		// An unknown key, a value of the wrong type, a reference to nothing.
		return []string{err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(every.Services)) {
		checkService(every.Services[name], found)
	}
	checkVolumes(every, found)
	checkVariables(folder, found)
	for _, combination := range combinations {
		profiles := combination.profiles
		if profiles == nil {
			profiles = strings.Split(every.Environment["COMPOSE_PROFILES"], ",")
		}
		// Loading the file anew for each takes ten times as long; model does so, once.
		some, err := every.WithProfiles(profiles)
		if err != nil {
			found("with %s: %v", combination.name, err)
			continue
		}
		checkTogether(combination.name, some, found)
	}
	return wrong
}

type finding = func(format string, parts ...any)

// checkService holds what is true of a service by itself.
func checkService(service types.ServiceConfig, found finding) {
	if why := unpinned(service); why != "" {
		found("%s: image %q %s", service.Name, service.Image, why)
	}
	if len(service.Profiles) == 0 {
		found("%s: no profile, so it would run in all of them", service.Name)
	}
	if service.Privileged || service.NetworkMode == "host" || service.Pid == "host" {
		found("%s: has more of the machine than a service needs", service.Name)
	}
	if !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
		found("%s: no no-new-privileges", service.Name)
	}
	if service.MemLimit <= 0 {
		found("%s: no memory limit", service.Name)
	}
	if service.Logging == nil || service.Logging.Options["max-size"] == "" {
		found("%s: its log may fill the disk", service.Name)
	}
	for _, port := range service.Ports {
		if port.HostIP != "127.0.0.1" {
			found("%s: port %s is published on %q", service.Name, port.Published, port.HostIP)
		}
		if port.Published == "" {
			found("%s: port %d is published somewhere", service.Name, port.Target)
		}
	}
	for _, volume := range service.Volumes {
		if volume.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			found("%s: mounts %s, which is not there", service.Name, filepath.Base(volume.Source))
		}
		if !volume.ReadOnly {
			found("%s: may write to %s of the checkout", service.Name, filepath.Base(volume.Source))
		}
	}
	if image, _, _ := strings.Cut(service.Image, ":"); image == "cspipe" && (!service.ReadOnly || !slices.Contains(service.CapDrop, "ALL")) {
		found("%s: our own image runs with more than it needs", service.Name)
	}
	switch service.Restart {
	case "no":
		if service.HealthCheck != nil {
			found("%s: a step that ends has no health", service.Name)
		}
	case "unless-stopped":
		checkHealth(service, found)
		if service.StopGracePeriod == nil && service.Name != "demo" {
			found("%s: no stop_grace_period", service.Name)
		}
	default:
		found("%s: restart is %q: `no` for a step, `unless-stopped` for what stays", service.Name, service.Restart)
	}
}

func checkHealth(service types.ServiceConfig, found finding) {
	health := service.HealthCheck
	if health == nil || health.Disable || len(health.Test) < 2 {
		found("%s: no health check", service.Name)
		return
	}
	if health.Interval == nil || health.Timeout == nil || health.StartPeriod == nil || health.Retries == nil {
		found("%s: a health check leaves times to chance", service.Name)
	}
	// Which images have which of the commands that ask over HTTP is said in docs/stack.md.
	image, _, _ := strings.Cut(service.Image, ":")
	text := strings.Join(health.Test, " ")
	if asks, ok := askers[image]; !ok {
		found("%s: nobody said what the image %s can ask with", service.Name, image)
	} else if !strings.Contains(text, asks) {
		found("%s: its health check does not use %q, which is what %s has", service.Name, asks, image)
	}
}

// The command that a health check may use, by image.
var askers = map[string]string{
	"cspipe":       "cspipe",
	"python":       "python3",
	"apache/kafka": "/opt/kafka/bin/",
	"logstash":     "curl", "elasticsearch": "curl", "kibana": "curl",
	"opensearchproject/opensearch": "curl", "opensearchproject/opensearch-dashboards": "curl",
	"prom/prometheus": "wget", "grafana/grafana": "wget",
}

var exact = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.-]+)?$`)

// unpinned says why an image may be another one tomorrow.
func unpinned(service types.ServiceConfig) string {
	at := strings.LastIndex(service.Image, ":")
	switch {
	case service.Image == "":
		return "has no name"
	case at < strings.LastIndex(service.Image, "/") || at < 0:
		return "has no tag"
	case !exact.MatchString(service.Image[at+1:]):
		return "has a tag that moves"
	}
	return ""
}

// checkVolumes holds that every named volume is used and, by the loader, that every used one is named.
func checkVolumes(project *types.Project, found finding) {
	used := map[string]bool{}
	for _, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeVolume {
				continue
			}
			if volume.Source == "" {
				found("%s: an anonymous volume at %s", service.Name, volume.Target)
			}
			used[volume.Source] = true
		}
	}
	for name := range project.Volumes {
		if !used[name] {
			found("volume %s is used by nobody", name)
		}
	}
}

var variable = regexp.MustCompile(`(^|[^$])\$\{?([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?`)

// checkVariables holds that each variable is in .env with the default of the file, and back.
func checkVariables(folder string, found finding) {
	file, err := os.ReadFile(filepath.Join(folder, composeFile))
	if err != nil {
		found("%v", err)
		return
	}
	text, err := os.ReadFile(filepath.Join(folder, envFile))
	if err != nil {
		found("%v", err)
		return
	}
	told := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			told[name] = value
		}
	}
	used := map[string]bool{"COMPOSE_PROFILES": true}
	for _, line := range strings.Split(string(file), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, match := range variable.FindAllStringSubmatch(line, -1) {
			name, fallback := match[2], match[4]
			used[name] = true
			if value, ok := told[name]; !ok {
				found("${%s} is not in .env", name)
			} else if match[3] == "" || value != fallback {
				found("${%s} falls back to %q, and .env says %q", name, fallback, value)
			}
		}
	}
	for name := range told {
		if !used[name] {
			found(".env has %s, which nothing reads", name)
		}
	}
}

// checkTogether holds what is true of the services that one `docker compose up` starts.
func checkTogether(name string, project *types.Project, found finding) {
	if len(project.Services) == 0 {
		found("with %s: nothing would start", name)
	}
	published := map[string]string{}
	for _, service := range slices.Sorted(maps.Keys(project.Services)) {
		for _, port := range project.Services[service].Ports {
			if other, taken := published[port.Published]; taken {
				found("with %s: %s and %s both want port %s", name, other, service, port.Published)
			}
			published[port.Published] = service
		}
	}
	// One service builds an image, and it is there for the others that take it.
	built := map[string]string{}
	for _, service := range slices.Sorted(maps.Keys(project.Services)) {
		if project.Services[service].Build == nil {
			continue
		}
		image := project.Services[service].Image
		if other, taken := built[image]; taken {
			found("with %s: %s and %s both build %s", name, other, service, image)
		}
		built[image] = service
	}
	for _, service := range project.Services {
		if service.PullPolicy == types.PullPolicyNever && built[service.Image] == "" {
			found("with %s: %s takes %s, which nobody builds", name, service.Name, service.Image)
		}
	}
	adopted := map[string]bool{}
	for _, service := range project.Services {
		for target, how := range service.DependsOn {
			other, enabled := project.Services[target]
			if !enabled {
				if how.Required {
					found("with %s: %s needs %s, which would not start", name, service.Name, target)
				}
				continue
			}
			ends := other.Restart == "no"
			switch how.Condition {
			case types.ServiceConditionCompletedSuccessfully:
				if !ends {
					found("with %s: %s waits for the end of %s, which stays", name, service.Name, target)
				}
				if service.Restart != "no" {
					adopted[target] = true
				}
			case types.ServiceConditionHealthy:
				if ends || other.HealthCheck == nil {
					found("with %s: %s waits for the health of %s, which has none", name, service.Name, target)
				}
			default:
				found("with %s: %s does not wait until %s can be used", name, service.Name, target)
			}
		}
	}
	for _, service := range project.Services {
		// What `up --wait` makes of a step that ends: success only when a service that stays waits
		// for its end.
		if service.Restart == "no" && !adopted[service.Name] {
			found("with %s: nobody who stays waits for %s, so `up --wait` fails", name, service.Name)
		}
	}
}
