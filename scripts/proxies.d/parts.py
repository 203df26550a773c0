"""Edges, proxies and clients for scripts/proxies-proof: starting, asking, counting, ending.

Everything listens on loopback, on ports that the system chose, and below one folder. The proxies
run the files of deploy/ with nothing changed but addresses, ports and paths; a change that finds
nothing to change is an error.
"""

import http.client, json, pathlib, signal, socket, sqlite3, ssl, subprocess, time, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSECURE = ssl._create_unverified_context()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting: {what}")
        time.sleep(0.02)


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """Something that was started here, and ends with the run."""

    alive = []

    def launch(self, command, log):
        self.child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        Process.alive.append(self)

    def stop(self, how=signal.SIGTERM):
        if self.child.poll() is None:
            self.child.send_signal(how)
            try:
                self.child.wait(timeout=40)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        if self in Process.alive:
            Process.alive.remove(self)
        return self.child.returncode


class Edge(Process):
    """A cspipe with a data directory of its own."""

    def __init__(self, binary, folder, name, settings=""):
        self.binary, self.name = binary, name
        self.folder = folder / name
        self.folder.mkdir(parents=True)
        self.port, self.private = free_port(), free_port()
        (self.folder / "cspipe.toml").write_text(settings)
        self.start()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.launch(
                [
                    self.binary,
                    "serve",
                    "--config",
                    self.folder / "cspipe.toml",
                    "--data",
                    self.folder / "data",
                    "--listen",
                    f"127.0.0.1:{self.port}",
                    "--private",
                    f"127.0.0.1:{self.private}",
                ],
                log,
            )
        wait_for(f"edge {self.name}", lambda: listens(self.private))

    def metric(self, name):
        """The sum of all series that begin so."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.private}/metrics").read().decode()
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))

    def records(self):
        """All records as JSON, without what differs each time."""
        with sqlite3.connect(f"file:{self.folder}/data/cspipe.db?mode=ro", uri=True) as database:
            rows = [json.loads(row[0]) for row in database.execute("SELECT json FROM record")]
        for row in rows:
            for name in ("id", "@timestamp", "timestamp", "received_at", "edge"):
                row.pop(name, None)
        return sorted(json.dumps(row, sort_keys=True) for row in rows)


def shipped(path, changes):
    text = (ROOT / path).read_text()
    for old, new in changes:
        if old not in text:
            raise SystemExit(f"{path}: nothing to change: {old!r}")
        text = text.replace(old, new)
    return text


class Proxy(Process):
    """A proxy with the file of deploy/, in front of some (public, private) ports."""

    def __init__(self, kind, folder, certificate, backends):
        self.kind, self.port = kind, free_port()
        self.folder = folder / f"{kind}-{self.port}"
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        command = getattr(self, kind)(certificate, backends)
        with open(self.folder / "output", "wb") as log:
            self.launch(command, log)
        wait_for(kind, lambda: listens(self.port))
        if kind == "haproxy":
            wait_for("edges to be up", lambda: self.post(b"", method="OPTIONS")[0] != 503)

    def nginx(self, certificate, backends):
        servers = "".join(
            f"server 127.0.0.1:{public} max_fails=1 fail_timeout=2s;\n" for public, _ in backends
        )
        (self.folder / "cspipe.conf").write_text(
            shipped(
                "deploy/nginx/cspipe.conf",
                [
                    ("server 10.0.0.11:8080 max_fails=1 fail_timeout=2s;\n", servers),
                    ("server 10.0.0.12:8080 max_fails=1 fail_timeout=2s;\n", ""),
                    ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
                    ("listen [::]:443 ssl http2;", ""),
                    ("/etc/ssl/cspipe/fullchain.pem", f"{certificate}.crt"),
                    ("/etc/ssl/cspipe/privkey.pem", f"{certificate}.key"),
                    ("/var/log/nginx/", f"{self.folder}/"),
                ],
            )
        )
        temporary = "".join(
            f"{name}_temp_path {self.folder}/{name};\n"
            for name in "client_body proxy fastcgi uwsgi scgi".split()
        )
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\nworker_processes 2;\npid {self.folder}/pid;\n"
            f"error_log {self.folder}/main-error.log crit;\n"
            "events { worker_connections 4096; }\n"
            f"http {{\n{temporary}include {self.folder}/cspipe.conf;\n}}\n"
        )
        return [
            "nginx",
            "-p",
            self.folder,
            "-e",
            self.folder / "main-error.log",
            "-c",
            self.folder / "nginx.conf",
        ]

    def haproxy(self, certificate, backends):
        servers = "".join(
            f"    server edge-{n} 127.0.0.1:{public} port {private}\n"
            for n, (public, private) in enumerate(backends, 1)
        )
        (self.folder / "haproxy.cfg").write_text(
            shipped(
                "deploy/haproxy/haproxy.cfg",
                [
                    ("    server edge-1 10.0.0.11:8080 port 8081\n", servers),
                    ("    server edge-2 10.0.0.12:8080 port 8081\n", ""),
                    (
                        "bind :443 ssl crt /etc/ssl/cspipe/cspipe.pem",
                        f"bind 127.0.0.1:{self.port} ssl crt {certificate}.pem",
                    ),
                    ("log /dev/log local0", "log stdout format raw local0"),
                    ("    user haproxy\n    group haproxy\n", ""),
                    # Two files for each, and not everybody may open so many.
                    ("maxconn 20000", "maxconn 2000"),
                ],
            )
        )
        return ["haproxy", "-db", "-f", self.folder / "haproxy.cfg"]

    def connect(self, client=1, timeout=30):
        """A connection over TLS; every `client` has an address of its own."""
        return http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=timeout, context=INSECURE, source_address=(address(client), 0)
        )

    def post(self, body, target="/csp/shop?enforce=1", headers=None, client=1, method="POST"):
        return exchange(self.connect(client), method, target, headers or {}, body)

    def logs(self):
        names = ("cspipe.log", "cspipe-error.log", "main-error.log", "output")
        return "".join(
            (self.folder / name).read_text(errors="replace")
            for name in names
            if (self.folder / name).exists()
        )


def address(client):
    return f"127.1.{client // 250}.{client % 250 + 1}"


def exchange(connection, method, target, headers, body, close=True):
    """Sends one request exactly so, and gives status, headers and body of the answer."""
    connection.putrequest(method, target, skip_accept_encoding=True)
    sent = {name.lower() for name in headers}
    for name, value in headers.items():
        if name.lower() not in ("host", "content-length", "connection"):
            connection.putheader(name, value)
    if body or method == "POST" or "content-length" in sent:
        connection.putheader("Content-Length", str(len(body)))
    try:
        connection.endheaders(body or None)
    except OSError:
        pass  # Who refuses a body by the head may hang up on the rest of it; the answer may be there.
    answer = connection.getresponse()
    content = answer.read()
    if close:
        connection.close()
    return answer.status, answer.getheaders(), content


def report(number, app="shop"):
    return json.dumps(
        {
            "csp-report": {
                "document-uri": f"https://{app}.example/page",
                "effective-directive": "script-src-elem",
                "blocked-uri": f"https://cdn.evil.example/n{number}.js",
            }
        }
    ).encode()


def connections_to(port):
    """How many connections to a port there are or were within the last minute."""
    seen = set()
    for line in open("/proc/net/tcp").read().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        pair = [int(end.split(":")[1], 16) for end in (local, remote)]
        if port in pair and state != "0A":
            seen.add(pair[0] if pair[1] == port else pair[1])
    return len(seen)
