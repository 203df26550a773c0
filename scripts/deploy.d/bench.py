"""The binary under check, a folder for what it writes, and how something is told."""

import os, pathlib, shutil, socket, subprocess, time, urllib.error, urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Bench:
    def __init__(self, binary, folder):
        self.folder, self.failures, self.count = folder, 0, 0
        folder.chmod(0o755)
        # Where another user may run it.
        self.binary = folder / "cspipe"
        shutil.copy(binary, self.binary)
        self.binary.chmod(0o755)
        self.has_index = self.run(["index", "--help"], {}).returncode == 0

    def hold(self, true, what):
        self.failures += not true
        print(f"  {'ok  ' if true else 'FAIL'} {what}", flush=True)

    def skip(self, what):
        print(f"  not checked: {what}", flush=True)

    def state(self):
        """An empty folder that belongs to nobody."""
        self.count += 1
        state = self.folder / f"state-{self.count}"
        state.mkdir(mode=0o700)
        os.chown(state, 65534, 65534)
        return state

    def run(self, arguments, variables):
        """Runs cspipe in an empty folder with these variables of its own and no others."""
        return subprocess.run(
            [self.binary, *arguments],
            cwd=self.folder,
            env=environment(variables),
            capture_output=True,
            text=True,
        )

    def is_right(self, variables, what):
        """Whether cspipe takes the settings that these variables and their file make."""
        done = self.run(["check"], variables)
        self.hold(done.returncode == 0, f"{what}: {len(variables)} variables, {first_line(done)}")


def environment(variables):
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, **variables}


def first_line(done):
    lines = (done.stderr + done.stdout).strip().splitlines()
    return repr(lines[0]) if lines else "silent"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path):
    """Status and text of an answer; None while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def wait_for_answer(port, path):
    end = time.monotonic() + 60
    while get(port, path)[0] is None:
        if time.monotonic() > end:
            raise SystemExit(f"gave up waiting for port {port}")
        time.sleep(0.05)
