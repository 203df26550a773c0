"""Kubernetes' manifests: schemas, references among them, and that they fit the program."""

import copy, os, pathlib, re, shutil, subprocess, tomllib
import kubernetes_validate, yaml
from bench import ROOT, environment, free_port, get, wait_for_answer

KUBERNETES = ROOT / "deploy/kubernetes"
DOCUMENT = ROOT / "docs/deploy.md"
SETS = ["edge-kafka", "edge-embedded", "indexer"]
# Those of which kubernetes-validate has the schemas, its own name for the newest included.
VERSIONS = [f"1.{minor}" for minor in range(28, 38)]
WORKLOADS = ("Deployment", "StatefulSet")
# A ConfigMap's limit, and beyond which `kubectl apply` must be told --server-side.
CONFIG_MAP = 1024 * 1024


def check(bench):
    namespace(bench)
    for name in SETS:
        print(f"kubernetes: {name}")
        folder = KUBERNETES / name
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        listed = {folder / path for path in kustomization["resources"]}
        others = {path for path in folder.glob("*.yaml")} - listed - {folder / "kustomization.yaml"}
        bench.hold(
            all(path.is_file() for path in listed),
            f"all {len(listed)} resources are there; beside them {sorted(p.name for p in others) or 'none'}",
        )
        objects = [
            thing for path in sorted(listed | others) for thing in yaml.safe_load_all(path.read_text())
        ]
        against_schemas(bench, objects)
        references(bench, objects, kustomization)
        hardened(bench, objects)
        program(bench, name, folder, objects)
    monitors(bench)
    own_filters(bench)
    rendered(bench)


def namespace(bench):
    print("kubernetes: namespace")
    folder = KUBERNETES / "namespace"
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    objects = [yaml.safe_load((folder / path).read_text()) for path in listed]
    against_schemas(bench, objects)
    kustomizations = [yaml.safe_load((KUBERNETES / name / "kustomization.yaml").read_text()) for name in SETS]
    used = {kustomization["namespace"] for kustomization in kustomizations}
    made = {thing["metadata"]["name"] for thing in objects if thing["kind"] == "Namespace"}
    bench.hold(used == made, f"{sorted(made)} is what all sets are in")


def against_schemas(bench, objects):
    wrong = []
    for version in VERSIONS:
        for thing in objects:
            try:
                kubernetes_validate.validate(thing, version, strict=True)
            except Exception as error:
                wrong.append(f"{version} {thing['kind']}: {str(error).splitlines()[0]}")
    # A schema that lets everything pass would prove nothing.
    for broken in copy.deepcopy(objects):
        within = broken["metadata"]
        if broken["kind"] in WORKLOADS:
            within = broken["spec"]["template"]["spec"]["containers"][0]
        within["imagine"] = 1
        try:
            kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)
            wrong.append(f"{broken['kind']}: an unknown key passes")
        except kubernetes_validate.ValidationError:
            pass
    bench.hold(
        not wrong,
        f"{len(objects)} objects, strictly, against Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}: {wrong[:3] or 'right'}",
    )


def pods(objects):
    return {
        thing["metadata"]["name"]: thing["spec"]["template"]
        for thing in objects
        if thing["kind"] in WORKLOADS
    }


def matches(selector, template):
    labels = template["metadata"]["labels"]
    return bool(selector) and all(labels.get(name) == value for name, value in selector.items())


def references(bench, objects, kustomization):
    templates = pods(objects)
    some = next(iter(templates.values()))
    ports = {port["name"]: port["containerPort"] for port in some["spec"]["containers"][0]["ports"]}
    wrong = []
    for thing in objects:
        kind, spec = thing["kind"], thing.get("spec", {})
        if kind in ("Deployment", "StatefulSet"):
            selectors = [spec["selector"]["matchLabels"]] + [
                s["labelSelector"]["matchLabels"]
                for s in spec["template"]["spec"]["topologySpreadConstraints"]
            ]
            template = spec["template"]
            grace = template["spec"]["terminationGracePeriodSeconds"]
            pause = int(
                template["spec"]["containers"][0]
                .get("lifecycle", {})
                .get("preStop", {"exec": {"command": ["sleep", "0"]}})["exec"]["command"][1]
            )
            if grace < pause + 25:
                wrong.append(f"{kind}: {grace} s are too short for {pause} s and 25 s")
            if kind == "StatefulSet" and spec["serviceName"] not in [
                o["metadata"].get("name") for o in objects if o["kind"] == "Service"
            ]:
                wrong.append("serviceName")
        elif kind == "Service":
            selectors = [spec["selector"]]
            wrong += [f"Service port {port}" for port in spec["ports"] if port["targetPort"] not in ports]
        elif kind == "PodDisruptionBudget":
            selectors = [spec["selector"]["matchLabels"]]
        elif kind == "NetworkPolicy":
            selectors = [spec["podSelector"]["matchLabels"]]
            opened = {port["port"] for rule in spec["ingress"] for port in rule["ports"]}
            if opened != set(ports.values()):
                wrong.append(f"NetworkPolicy lets in {opened}, pods have {ports}")
        elif kind == "HorizontalPodAutoscaler":
            target = spec["scaleTargetRef"]
            same = [
                o
                for o in objects
                if o["kind"] == target["kind"]
                and o["metadata"]["name"] == target["name"]
                and o["apiVersion"] == target["apiVersion"]
            ]
            selectors = []
            if not same or "replicas" in same[0]["spec"]:
                wrong.append("HorizontalPodAutoscaler: no such target, or it sets replicas itself")
        else:
            selectors = []
            if kind == "Namespace":
                wrong.append("a Namespace, which would be deleted with this set, and all others in it")
        wrong += [
            f"{kind}: {selector} selects nothing"
            for selector in selectors
            if not any(matches(selector, t) for t in templates.values())
        ]
    made = {generator["name"] for generator in kustomization["configMapGenerator"]}
    for template in templates.values():
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        claims = {
            claim["metadata"]["name"]
            for o in objects
            for claim in o.get("spec", {}).get("volumeClaimTemplates", [])
        }
        wrong += [
            f"ConfigMap {v['configMap']['name']}"
            for v in volumes.values()
            if "configMap" in v and v["configMap"]["name"] not in made
        ]
        wrong += [
            f"mount {m['name']}"
            for m in template["spec"]["containers"][0]["volumeMounts"]
            if m["name"] not in volumes.keys() | claims
        ]
    images = {image["name"]: image["newTag"] for image in kustomization["images"]}
    if images.get("cspipe") in (None, "latest"):
        wrong.append("image without a tag")
    bench.hold(
        not wrong, f"selectors, ports, targets, ConfigMaps, mounts, grace, image tag: {wrong or 'fit'}"
    )


def hidden(dockerfile, mounts):
    """The image's volumes strictly below a mount: containerd lays an empty folder over each."""
    declared = [
        volume
        for line in dockerfile.splitlines()
        if line.startswith("VOLUME ")
        for volume in re.findall(r'[^\s\[\]",]+', line.removeprefix("VOLUME "))
    ]
    return [v for v in declared if any(v.startswith(f"{mount.rstrip('/')}/") for mount in mounts)]


def hardened(bench, objects):
    wrong = []
    for name, template in pods(objects).items():
        spec = template["spec"]
        pod, container = spec["securityContext"], spec["containers"][0]
        own = container["securityContext"]
        wrong += [
            f"{name}: the init container {before['name']} has another {key}"
            for before in spec.get("initContainers", [])
            for key in ("image", "env", "volumeMounts", "securityContext")
            if before[key] != container[key]
        ]
        wrong += [
            f"{name}: {what}"
            for what, true in {
                "user": pod["runAsNonRoot"] and pod["runAsUser"] == 10001,
                "seccomp": pod["seccompProfile"]["type"] == "RuntimeDefault",
                "root file system": own["readOnlyRootFilesystem"],
                "privileges": own["allowPrivilegeEscalation"] is False
                and own["capabilities"] == {"drop": ["ALL"]},
                "token": spec["automountServiceAccountToken"] is False,
                "service links": spec["enableServiceLinks"] is False,
                "memory": "memory" in container["resources"]["limits"]
                and "memory" in container["resources"]["requests"],
            }.items()
            if not true
        ]
    dockerfile = (ROOT / "Dockerfile").read_text()
    if "--uid 10001" not in dockerfile:
        wrong.append("the image's user is another")
    mounts = [
        mount["mountPath"]
        for template in pods(objects).values()
        for container in template["spec"]["containers"]
        for mount in container["volumeMounts"]
    ]
    wrong += [f"VOLUME {volume} hides a part of its mount" for volume in hidden(dockerfile, mounts)]
    # What this is to find, if the image declares it again.
    mistake = f"VOLUME {mounts[0]}/data\n"
    if not hidden(mistake, mounts) or hidden(f"VOLUME {mounts[0]}\n", mounts):
        wrong.append("a hidden mount would not be found")
    bench.hold(
        not wrong, f"user, seccomp, read-only root, no capabilities, no token, limits: {wrong or 'all set'}"
    )


def program(bench, name, folder, objects):
    """The very settings and environment of the pod, and the probes, on the real binary."""
    for pod, template in pods(objects).items():
        container = template["spec"]["containers"][0]
        if container["args"][0] == "index" and not bench.has_index:
            bench.skip(f"{pod}: this build has no `cspipe index`")
            continue
        variables, secrets = {}, set()
        for variable in container["env"]:
            source = variable.get("valueFrom", {})
            variables[variable["name"]] = variable.get("value") or (
                "pod-0" if "fieldRef" in source else "secret"
            )
            if source.get("secretKeyRef", {}).get("optional"):
                secrets.add(variable["name"])
        mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
        paths = [value for value in variables.values() if value.startswith("/")]
        bench.hold(
            bool(paths) and all(any(f"{path}/".startswith(f"{m}/") for m in mounts) for path in paths),
            f"{pod}: {paths} are in what is mounted",
        )
        data = bench.state()
        settings = {
            "/etc/cspipe/cspipe.toml": str(folder / "cspipe.toml"),
            "/data": str(data),
            "/data/cspipe": str(data / "cspipe"),
        }
        variables = {n: settings.get(v, v) for n, v in variables.items()}
        bench.is_right({n: v for n, v in variables.items() if n not in secrets}, f"{pod}: no Secret")
        if container["args"] == ["index"]:
            # Either way to say who one is, and never both.
            password = {"CSPIPE_INDEX__USERNAME", "CSPIPE_INDEX__PASSWORD"}
            bench.is_right(
                {n: v for n, v in variables.items() if n != "CSPIPE_INDEX__API_KEY"},
                f"{pod}: settings with a password",
            )
            variables = {n: v for n, v in variables.items() if n not in password}
        bench.is_right(variables, f"{pod}: settings")
        for before in template["spec"].get("initContainers", []):
            nobody = {**variables, "CSPIPE_ELASTICSEARCH": "http://127.0.0.1:1"}
            done = bench.run([*before["args"], "--wait", "0"], nobody)
            told = done.stderr.strip()
            bench.hold(
                done.returncode not in (0, 2) and "is not there" in told,
                f"{pod}: {before['args']} is understood, and looks for Elasticsearch: {told[-100:]!r}",
            )
        if name == "edge-kafka":
            size = lambda text: float(text.removesuffix("B").removesuffix("Gi"))
            spool = size(tomllib.loads((folder / "cspipe.toml").read_text())["spool"]["max_bytes"])
            room = size(
                next(v["emptyDir"]["sizeLimit"] for v in template["spec"]["volumes"] if "emptyDir" in v)
            )
            bench.hold(room >= 2 * spool, f"the emptyDir ({room} GiB) holds the spool ({spool} GiB) twice")
        if container["args"] == ["serve"]:
            probed(bench, pod, container, variables, {"CSPIPE_LISTEN": "public", "CSPIPE_PRIVATE": "private"})
        elif container["args"] == ["index"]:
            # Its address is in the file; Elasticsearch is asked at an address that is nobody's.
            told = tomllib.loads((folder / "cspipe.toml").read_text())["index"]["private"]
            probed(
                bench,
                pod,
                container,
                {**variables, "CSPIPE_INDEX_PRIVATE": told, "CSPIPE_ELASTICSEARCH": "http://127.0.0.1:1"},
                {"CSPIPE_INDEX_PRIVATE": "private"},
            )


def probed(bench, pod, container, variables, listeners):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    real = {port: free_port() for port in listeners.values()}
    for variable, port in listeners.items():
        bench.hold(variables[variable] == f"0.0.0.0:{ports[port]}", f"{pod}: {variable} is the port {port!r}")
    variables = {**variables, **{variable: f"127.0.0.1:{real[port]}" for variable, port in listeners.items()}}
    child = subprocess.Popen(
        [bench.binary, *container["args"]],
        cwd=bench.folder,
        env=environment(variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_answer(real["private"], "/healthz")
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            target = container[probe]["httpGet"]
            status, text = get(real[target["port"]], target["path"])
            # An indexer that reaches nothing is not ready, and says so.
            right = status == 200 or (
                probe == "readinessProbe" and container["args"] == ["index"] and status == 503
            )
            bench.hold(
                right, f"{pod}: {probe} {target['path']} on {target['port']}: {status} {text.strip()!r}"
            )
        bench.hold(get(real["private"], "/no-such-probe")[0] == 404, f"{pod}: another path is 404")
    finally:
        child.terminate()
        child.wait(timeout=60)


def monitors(bench):
    print("kubernetes: monitoring")
    for name, directory in (("edge", "edge-kafka"), ("indexer", "indexer")):
        monitor = yaml.safe_load((KUBERNETES / f"monitoring/{name}/podmonitor.yaml").read_text())
        template = pods([yaml.safe_load((KUBERNETES / directory / "deployment.yaml").read_text())])
        template = next(iter(template.values()))
        ports = [port["name"] for port in template["spec"]["containers"][0]["ports"]]
        fits = matches(monitor["spec"]["selector"]["matchLabels"], template) and all(
            e["port"] in ports for e in monitor["spec"]["podMetricsEndpoints"]
        )
        bench.hold(
            fits,
            f"PodMonitor {monitor['metadata']['name']} selects the pods of {directory} and a port of theirs (no schema: it is the operator's)",
        )


def own_filters(bench):
    print("kubernetes: own-filters")
    component = yaml.safe_load((KUBERNETES / "own-filters/kustomization.yaml").read_text())
    files = component["configMapGenerator"][0]["files"]
    shipped = {
        f"filters/{path.name}" for path in (ROOT / "filters").iterdir() if path.suffix in (".toml", ".txt")
    }
    bench.hold(
        set(files) == shipped | {"filters/site.toml"},
        f"{len(files)} files: all that are shipped, and site.toml",
    )
    size = sum((ROOT / path).stat().st_size for path in shipped)
    bench.hold(size < CONFIG_MAP * 3 // 4, f"{size} bytes, of 1 MiB that a ConfigMap holds")
    # As the kubelet lays a ConfigMap out: links to links.
    mounted = bench.folder / "mounted"
    (mounted / "..2026_11_24").mkdir(parents=True)
    (mounted / "..data").symlink_to("..2026_11_24")
    for path in shipped:
        name = pathlib.Path(path).name
        shutil.copy(ROOT / path, mounted / "..data" / name)
        (mounted / name).symlink_to(f"..data/{name}")
    (mounted / "..data/site.toml").write_text(
        'format = 1\n[[override]]\nid = "local-page"\nenabled = false\n'
    )
    (mounted / "site.toml").symlink_to("..data/site.toml")
    bench.is_right({"CSPIPE_FILTERS": str(mounted)}, "rules as a ConfigMap lays them out")


def rendered(bench):
    print("kubernetes: rendered")
    kustomize = shutil.which("kustomize") or ROOT / "target/tools/bin/kustomize"
    if not os.path.exists(kustomize):
        bench.skip("no kustomize here; --kustomize builds it")
        return
    tree = bench.folder / "kubernetes"
    shutil.copytree(KUBERNETES, tree)
    own = tree / "own-filters/filters"
    shutil.copytree(ROOT / "filters", own)
    (own / "site.toml").write_text("format = 1\n")
    # Somebody's overlay of edges and indexers, as the document shows it.
    overlay = re.search(r"```yaml\n(apiVersion: kustomize.*?)```", DOCUMENT.read_text(), re.DOTALL)
    (tree / "both").mkdir()
    (tree / "both/kustomization.yaml").write_text(overlay[1])
    for name in [*SETS, "both"]:
        path = tree / name / "kustomization.yaml"
        plain = path.read_text()
        for offered in (False, True):
            path.write_text(with_components(plain) if offered else plain)
            components = yaml.safe_load(path.read_text()).get("components", [])
            done = subprocess.run([kustomize, "build", tree / name], capture_output=True, text=True)
            objects = list(yaml.safe_load_all(done.stdout)) if done.returncode == 0 else []
            maps = {o["metadata"]["name"] for o in objects if o["kind"] == "ConfigMap"}
            used = {
                v["configMap"]["name"]
                for t in pods(objects).values()
                for v in t["spec"]["volumes"]
                if "configMap" in v
            }
            images = {
                container["image"]
                for template in pods(objects).values()
                for part in ("initContainers", "containers")
                for container in template["spec"].get(part, [])
            }
            monitors = [o for o in objects if o["kind"] == "PodMonitor"]
            right = (
                bool(maps)
                and len(images) == 1
                and maps == used
                and bool(components) == offered
                and len(maps) == (2 if name == "both" else 1) + ("../own-filters" in components)
                and len(monitors) == sum("/monitoring/" in component for component in components)
                and all(o["metadata"].get("namespace") == "cspipe" for o in objects)
            )
            bench.hold(
                right,
                f"{name}{' with ' if offered else ''}{', '.join(components)}: {len(objects)} objects, {sorted(used)}, {sorted(images)} {done.stderr.strip()[:200]}",
            )
            # A PodMonitor's schema is the operator's.
            if known := [o for o in objects if o["kind"] != "PodMonitor"]:
                against_schemas(bench, known)
        # The overlay takes the sets as they are.
        path.write_text(plain)


def with_components(kustomization):
    """With the components that it offers in comments."""
    return re.sub(r"^# (components:|  - \.\./)", r"\1", kustomization, flags=re.MULTILINE)
