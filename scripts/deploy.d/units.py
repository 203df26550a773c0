"""systemd's units: what systemd-analyze says of them, and whether cspipe lives with what they forbid."""

import os, re, signal, subprocess, sys, time
from bench import ROOT, environment, free_port, get, wait_for_answer
from confine import allowed

SYSTEMD = ROOT / "deploy/systemd"
UNITS = ["cspipe.service", "cspipe-index.service"]
# Above this a unit was made weaker than it was.
MOST_EXPOSED = 1.2
CONFINE = ROOT / "scripts/deploy.d/confine.py"
# Brokers that nobody is: records go to the spool, and names are asked for.
NO_BROKERS = "127.0.0.1:1,kafka.invalid:9092"
# Each does something that the unit forbids, and that would work without it, or for root.
CONTROLS = {
    "writing outside of the state": "open('/etc/cspipe-control', 'w')",
    "a system call that anybody may otherwise make": "import os; os.sched_setaffinity(0, os.sched_getaffinity(0))",
    "another address family": "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "memory that is written and run": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
}


def check(bench):
    print("systemd: what systemd-analyze says")
    for name in UNITS:
        analyzed(bench, name)
    print("systemd: settings")
    settings(bench)
    print("systemd: cspipe under what the unit forbids")
    unit = SYSTEMD / "cspipe.service"
    for mode, arguments in (("embedded", []), ("Kafka, spooling", ["--kafka", NO_BROKERS])):
        traced(bench, unit, mode, arguments)
        confined(bench, unit, mode, arguments)
    controls(bench, unit)
    indexer(bench, SYSTEMD / "cspipe-index.service")


def analyzed(bench, name):
    # The binary is where it will be installed, so that the command is found.
    copy = bench.folder / name
    copy.write_text((SYSTEMD / name).read_text().replace("/usr/local/bin/cspipe", str(bench.binary)))
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
    said = [line for line in verified.stderr.splitlines() if name in line]
    bench.hold(verified.returncode == 0 and not said, f"{name}: verify {said or 'has nothing to say'}")
    table = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", copy], capture_output=True, text=True
    ).stdout
    exposure = float(re.search(r"Overall exposure level for .*: ([\d.]+)", table)[1])
    bench.hold(
        exposure <= MOST_EXPOSED, f"{name}: exposure {exposure} (0 best, 10 worst; at most {MOST_EXPOSED})"
    )


def variables(name, uncommented):
    pattern = r"^#?(CSPIPE_\w+)=(.*)$" if uncommented else r"^(CSPIPE_\w+)=(.*)$"
    return dict(re.findall(pattern, (SYSTEMD / name).read_text(), re.MULTILINE))


def settings(bench):
    bench.run(["init", "etc"], {})
    there = lambda found: {n: v.replace("/etc/cspipe/", f"{bench.folder}/etc/") for n, v in found.items()}
    for uncommented in (False, True):
        which = "all lines" if uncommented else "as shipped"
        bench.is_right(there(variables("cspipe.env", uncommented)), f"cspipe.env, {which}")
        if bench.has_index:
            bench.is_right(there(variables("index.env", uncommented)), f"index.env, {which}")
    if not bench.has_index:
        bench.skip("index.env: this build has no `cspipe index`")
    stop = re.search(r"^TimeoutStopSec=(\d+)s$", (SYSTEMD / "cspipe.service").read_text(), re.MULTILINE)
    bench.hold(int(stop[1]) > 25, f"TimeoutStopSec is {stop[1]} s, and cspipe is done within 25 s")


def lived(bench, command):
    """Starts, takes load, reads its rules anew and stops; gives the exit code and how many got 204."""
    public, private = free_port(), free_port()
    log = open(bench.folder / "log", "w+")
    child = subprocess.Popen(
        [*command, "--listen", f"127.0.0.1:{public}", "--private", f"127.0.0.1:{private}"],
        stdout=log,
        stderr=log,
        env=environment({}),
    )
    try:
        wait_for_answer(private, "/readyz")
        load = subprocess.run(
            [ROOT / "scripts/load", f"127.0.0.1:{public}", "400", "8"], capture_output=True, text=True
        )
        edge = started_by(child) if command[0] == "strace" else child.pid
        os.kill(edge, signal.SIGHUP)
        time.sleep(1)
        os.kill(edge, signal.SIGTERM)
        if command[0] == "strace":
            # Told twice, it does not wait for Kafka; the other run waits.
            time.sleep(1)
            if child.poll() is None:
                os.kill(edge, signal.SIGTERM)
        code = child.wait(timeout=60)
    finally:
        if child.poll() is None:
            child.kill()
    log.seek(0)
    text = log.read()
    return (
        code,
        int(re.search(r"(\d+) × 204", load.stdout)[1]),
        "rules read again" in text and "stopped" in text,
    )


def traced(bench, unit, mode, arguments):
    """What cspipe asks of the kernel is in the unit's filter; as another user than root, as it would."""
    counts = bench.state() / "counts"
    command = [
        "strace",
        "-f",
        "-qq",
        "-c",
        "-o",
        counts,
        "-u",
        "nobody",
        bench.binary,
        "serve",
        "--data",
        bench.state() / "data",
        *arguments,
    ]
    # The folder is nobody's, and nobody may write into it.
    os.chown(command[-1 - len(arguments)].parent, 65534, 65534)
    code, answered, whole = lived(bench, command)
    used = names_in(counts)
    left = used - allowed(unit)
    bench.hold(
        len(used) > 30 and not left,
        f"{mode}: {len(used)} different system calls, beyond the filter: {sorted(left) or 'none'}",
    )


def confined(bench, unit, mode, arguments):
    state = bench.state()
    command = [sys.executable, CONFINE, unit, state, bench.binary, "serve", "--data", ".", *arguments]
    code, answered, whole = lived(bench, command)
    bench.hold(
        code == 0 and answered == 400 and whole,
        f"{mode}: the same with all of it in force: {answered} answered 204, exit {code}",
    )


def indexer(bench, unit):
    """The same for the indexer, with nobody at the other ends: start, health, SIGTERM."""
    if not bench.has_index:
        bench.skip("cspipe-index.service: this build has no `cspipe index`")
        return
    counts, state = bench.state() / "counts", bench.state()
    for how, before in (
        ("traced", ["strace", "-f", "-qq", "-c", "-o", counts, "-u", "nobody"]),
        ("with all of it in force", [sys.executable, CONFINE, unit, state]),
    ):
        private = free_port()
        child = subprocess.Popen(
            [
                *before,
                bench.binary,
                "index",
                "--kafka",
                NO_BROKERS,
                "--elasticsearch",
                "http://127.0.0.1:1",
                "--private",
                f"127.0.0.1:{private}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment({}),
        )
        try:
            wait_for_answer(private, "/healthz")
            status = get(private, "/healthz")[0]
            os.kill(started_by(child) if how == "traced" else child.pid, signal.SIGTERM)
            code = child.wait(timeout=60)
        finally:
            if child.poll() is None:
                child.kill()
        bench.hold(status == 200 and code == 0, f"indexer, {how}: /healthz {status}, SIGTERM, exit {code}")
    used = names_in(counts)
    left = used - allowed(unit)
    bench.hold(
        len(used) > 20 and not left,
        f"indexer: {len(used)} different system calls, beyond the filter: {sorted(left) or 'none'}",
    )


def started_by(tracer):
    """The process that strace runs."""
    return int(open(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read())


def names_in(counts):
    """The system calls of a table of strace -c."""
    lines = [line.split() for line in counts.read_text().splitlines()[2:]]
    return {words[-1] for words in lines if words and not words[0].startswith("-")} - {"total"}


def controls(bench, unit):
    """That the confinement forbids at all."""
    interpreter = os.path.realpath(sys.executable)
    state = bench.state()
    plain = subprocess.run(
        [sys.executable, CONFINE, unit, state, interpreter, "-c", "print('lives')"],
        capture_output=True,
        text=True,
    )
    if "lives" not in plain.stdout:
        # Python is somewhere that nobody may not enter.
        interpreter = "/usr/bin/python3"
    for what, code in CONTROLS.items():
        done = subprocess.run(
            [sys.executable, CONFINE, unit, state, interpreter, "-c", f"{code}\nprint('done')"],
            capture_output=True,
            text=True,
        )
        started = "Error" in done.stderr and "Traceback" in done.stderr
        bench.hold(
            started and "done" not in done.stdout,
            f"refused: {what}: {(done.stderr.strip().splitlines() or ['-'])[-1][:70]}",
        )
