"""Runs a program under what a unit file forbids, as far as that can be done without systemd.

Usage: confine.py UNIT STATE PROGRAM [ARGUMENT]…

In force: SystemCallFilter and SystemCallErrorNumber (the sets are asked of systemd-analyze),
RestrictAddressFamilies, MemoryDenyWriteExecute, NoNewPrivileges, an empty CapabilityBoundingSet,
UMask, LimitNOFILE, another user than root, and ProtectSystem=strict: all but STATE is read-only.
Not in force: namespaces for users, devices, processes and IPC, and the limits of the control group.
"""

import ctypes, ctypes.util, errno, os, pathlib, resource, subprocess, sys

NOBODY = 65534
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP, PR_SET_MDWE = 38, 24, 65
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
EQUAL = 4
# The numbers of the kernel, which are the same on all machines; glibc has no more of them.
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
LAST_FAMILY = 45


class Comparison(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("one", ctypes.c_uint64),
        ("two", ctypes.c_uint64),
    ]


def directives(unit):
    """The unit's directives, each with all its values."""
    found = {}
    for line in pathlib.Path(unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def members(name):
    """The system calls of a set, its sets within included."""
    if not name.startswith("@"):
        return {name}
    lines = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    names = [line.strip() for line in lines[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(members, names))


def allowed(unit):
    """The system calls that a unit leaves."""
    calls = set()
    for value in directives(unit)["SystemCallFilter"]:
        named = set().union(*map(members, value.removeprefix("~").split()))
        calls = calls - named if value.startswith("~") else calls | named
    # systemd allows these in any case: without them nothing could be started.
    return calls | members("@default") | {"execve", "exit", "exit_group", "rt_sigreturn"}


def check(result, what):
    if result < 0:
        raise SystemExit(f"confine: {what}: {os.strerror(ctypes.get_errno() or -result)}")


def install(unit):
    """Puts seccomp's filters in force for this process and what it becomes."""
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    found = directives(unit)

    families = set(found["RestrictAddressFamilies"][0].split())
    numbers = {FAMILIES[name] for name in families}
    socket_call = library.seccomp_syscall_resolve_name(b"socket")
    forbids = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
    for family in set(range(LAST_FAMILY + 1)) - numbers:
        check(
            library.seccomp_rule_add_array(
                forbids,
                ctypes.c_uint32(ERRNO | errno.EAFNOSUPPORT),
                socket_call,
                1,
                ctypes.byref(Comparison(0, EQUAL, family, 0)),
            ),
            "address families",
        )
    check(library.seccomp_load(forbids), "loading the filter of address families")

    refusal = getattr(errno, found["SystemCallErrorNumber"][0])
    allows = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ERRNO | refusal)))
    for name in allowed(unit):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # Others belong to other machines.
            check(library.seccomp_rule_add_array(allows, ctypes.c_uint32(ALLOW), number, 0, None), name)
    check(library.seccomp_load(allows), "loading the filter of system calls")


def main():
    unit, state, *command = sys.argv[1:]
    found = directives(unit)
    if os.environ.get("CSPIPE_CONFINED") is None:
        # In a mount namespace of its own, where all but STATE is read-only.
        os.environ["CSPIPE_CONFINED"] = "1"
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro / && exec "$@"'
        os.execvp(
            "unshare",
            [
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                script,
                state,
                sys.executable,
                *sys.argv,
            ],
        )
    del os.environ["CSPIPE_CONFINED"]
    kernel = ctypes.CDLL(None, use_errno=True)
    os.chdir(state)
    os.umask(int(found["UMask"][0], 8))
    files = int(found["LimitNOFILE"][0])
    limit = min(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    for capability in range(64):
        kernel.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    check(kernel.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    install(unit)
    # Python is done loading: from here on no page may become code.
    if kernel.prctl(PR_SET_MDWE, 1, 0, 0, 0) < 0 and ctypes.get_errno() != errno.EPERM:
        print("confine: this kernel has no PR_SET_MDWE", file=sys.stderr)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
