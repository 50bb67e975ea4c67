"""The student's process: where it runs, what it may see and use, and how it ends.

With bubblewrap it has no network, sees only Python and its packages, writes only into a small scratch folder in memory
and dies with its children. Without bubblewrap it is a separate process with limits: enough for your own work, not for
somebody else's.
"""

import contextlib
import functools
import json
import os
import platform
import secrets
import select
import shutil
import signal
import struct
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Packages that hold finished answers; a rubric names those that its problem set uses.
FRAMEWORKS = ("lrlab", "torch", "jax", "keras", "optax")
REPLY = 8_000_000  # bytes of one reply
SCRATCH = 64_000_000  # bytes in the scratch folder


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Parameters
    ----------
    seconds : float
        Processor time of one cell, and of one problem's calls. By the clock, three times that; a process that does not
        heed this is killed a little later.
    total : float
        Seconds by the clock for the whole submission.
    memory : int
        Bytes, for each process and for all together.
    processes : int
        Processes and threads.
    """

    seconds: float = 10.0
    total: float = 120.0
    memory: int = 2_000_000_000
    processes: int = 64


class EndedError(Exception):
    """The student's process is over; `status` and the message say how."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


NAMESPACES = ("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try")
# An ordinary user gets a user namespace, in which bubblewrap leaves no process of its own, since it would belong to the
# same user. Root needs none, and without one can become nobody in particular in the sandbox, whom a limit on processes
# holds, as it does not hold root.
AS_USER = ("--unshare-user", *NAMESPACES, "--as-pid-1", "--cap-drop", "ALL")
AS_ROOT = (*NAMESPACES, "--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")


@functools.cache
def bubblewrap() -> tuple[str, ...] | None:
    """Return the beginning of a bubblewrap command that works here, or None."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    for flags in (AS_ROOT, AS_USER) if os.geteuid() == 0 else (AS_USER,):
        test = [found, *flags, "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            if subprocess.run(test, capture_output=True, timeout=20, check=False).returncode == 0:
                return (found, *flags)
    return None


WARNING = (
    "no sandbox: bubblewrap is missing here or not allowed. The notebook runs in a separate process with limits, "
    "but it can read and change your files. Grade only your own work this way."
)


def command(program: Sequence[str], options: dict[str, Any], packages: Sequence[str]) -> list[str]:
    """Return bubblewrap's command line."""
    prefix, base = Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()
    site = Path(sysconfig.get_path("purelib")).resolve()
    line = [*program, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    for path in ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/fonts"):
        line += ["--ro-bind-try", path, path]
    above = {folder for place in (base, prefix) for folder in place.parents if folder != Path("/")}
    above |= {Path("/grader"), Path("/packages")}
    for folder_above in sorted(above):  # else they would belong to root alone
        line += ["--perms", "0755", "--dir", str(folder_above)]
    for place in dict.fromkeys((base, prefix)):
        line += ["--ro-bind", str(place), str(place)]
    for name in FRAMEWORKS:
        if name not in packages and (site / name).is_dir():
            line += ["--size", "4096", "--perms", "0555", "--tmpfs", str(site / name)]
    everybody = ["--perms", "1777"]
    line += ["--proc", "/proc", "--dev", "/dev", *everybody, "--size", str(2**20), "--tmpfs", "/dev/shm"]
    line += ["--remount-ro", "/dev", *everybody, "--size", str(SCRATCH), "--tmpfs", "/tmp"]
    for name in ("plain.py", "runner.py"):
        line += ["--ro-bind", str(HERE / name), f"/grader/{name}"]
    if "lrlab" in packages:
        line += ["--ro-bind", str(ROOT / "lrlab"), "/packages/lrlab"]
    line += [*everybody, "--dir", "/tmp/work", "--chdir", "/tmp/work", "--remount-ro", "/"]
    for name, value in environment("/tmp").items():
        line += ["--setenv", name, value]
    options = options | {"path": ["/grader"], "packages": ["/packages"], "folder": "/tmp/work"}
    if "CAP_SETUID" in program:
        options["user"] = 60_000 + secrets.randbelow(5_000)  # a limit on processes counts those of one user
    return [*line, f"{prefix}/bin/python", "-I", "-B", "/grader/runner.py", json.dumps(options)]


def environment(home: str) -> dict[str, str]:
    """Return the few variables that the student's process gets."""
    names = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
    names |= {"HOME": home, "TMPDIR": home, "IPYTHONDIR": f"{home}/.ipython", "MPLCONFIGDIR": f"{home}/.matplotlib"}
    return names | {"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"}


class Sandbox:
    """One student's process. Use it in a `with` block: at the end nothing of it is left.

    Parameters
    ----------
    limits : Limits
    packages : sequence of str
        Names of FRAMEWORKS that the notebook may import.
    """

    def __init__(self, limits: Limits, packages: Sequence[str] = ()) -> None:
        self.limits = limits
        self.folder: Path | None = None  # on disk, where there is no sandbox
        options: dict[str, Any] = {"limits": self._limits()}
        program = bubblewrap()
        passed: tuple[int, ...] = ()
        if program:
            rules = denied_calls(alone=os.geteuid() == 0 and "--unshare-user" in program)
            if rules is not None:
                read_end, write_end = os.pipe()
                os.write(write_end, rules)
                os.close(write_end)
                program, passed = (*program, "--seccomp", str(read_end)), (read_end,)
            line, variables = command(program, options, packages), environment("/tmp")
        else:
            self.folder = Path(tempfile.mkdtemp(prefix="grade-"))
            options |= {"path": [str(HERE)], "packages": [str(ROOT)], "folder": str(self.folder)}
            line = [sys.executable, "-I", "-B", str(HERE / "runner.py"), json.dumps(options)]
            variables = environment(str(self.folder))
        self.process = subprocess.Popen(
            line,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=variables,
            cwd=self.folder or "/",
            start_new_session=True,
            pass_fds=passed,
        )
        for descriptor in passed:
            os.close(descriptor)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self.stdin, False)
        os.set_blocking(self.stdout, False)
        self.buffer = b""
        try:
            self._line(time.monotonic() + 60)
        except EndedError as ended:
            self.close()
            raise RuntimeError(f"the sandbox does not start: {ended}") from None

    def _limits(self) -> dict[str, int]:
        limits = self.limits
        found = {"RLIMIT_AS": limits.memory, "RLIMIT_FSIZE": SCRATCH, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 256}
        found["RLIMIT_CPU"] = round(2 * limits.total)
        if bubblewrap():  # elsewhere the limit would count all processes of the user
            found["RLIMIT_NPROC"] = limits.processes
        return found

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process and all its children; remove the scratch folder."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, request: dict[str, Any], wall: float) -> dict[str, Any]:
        """Send a request, wait for its reply; raise EndedError where there is none."""
        name = os.urandom(8).hex()
        end = time.monotonic() + wall
        self._send(json.dumps({"id": name, **request}).encode() + b"\n", end)
        line = self._line(end)
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            raise EndedError("tampered", "The notebook wrote into the grader's pipe.") from None
        if type(reply) is not dict or reply.get("id") != name:
            raise EndedError("tampered", "The notebook wrote into the grader's pipe.")
        return reply

    def _send(self, data: bytes, end: float) -> None:
        while data:
            self._watch(end)
            if select.select([], [self.stdin], [], 0.1)[1]:
                try:
                    data = data[os.write(self.stdin, data) :]
                except BrokenPipeError:
                    raise self._gone() from None

    def _line(self, end: float) -> bytes:
        while b"\n" not in self.buffer:
            self._watch(end)
            if not select.select([self.stdout], [], [], 0.1)[0]:
                continue
            piece = os.read(self.stdout, 1 << 20)
            if not piece:
                raise self._gone()
            self.buffer += piece
            if len(self.buffer) > REPLY:
                raise EndedError("output", "The answer is larger than any answer here can be.")
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def _watch(self, end: float) -> None:
        if time.monotonic() > end:
            raise EndedError("time-out", "The notebook did not come to an end in time.")
        used, processes = usage(self.process.pid, self.limits.processes + 2)
        if used > self.limits.memory:
            raise EndedError("memory", "The notebook used more memory than it may.")
        if processes > self.limits.processes + 2:
            raise EndedError("processes", "The notebook started more processes than it may.")

    def _gone(self) -> EndedError:
        try:
            code = self.process.wait(5)
        except subprocess.TimeoutExpired:
            code = 0
        how = f" (exit status {code})" if code else ""
        return EndedError("crashed", f"The notebook's process ended by itself{how}: os._exit, a signal, or a crash.")


def usage(pid: int, most: int = 1000) -> tuple[int, int]:
    """Return the bytes that a process and its descendants hold in memory, and how many they are; stop above `most`."""
    total, waiting, seen = 0, [pid], 0
    page = os.sysconf("SC_PAGE_SIZE")
    while waiting and seen <= most:
        one = waiting.pop()
        seen += 1
        try:
            resident, shared = Path(f"/proc/{one}/statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * page
            for task in os.listdir(f"/proc/{one}/task"):
                waiting += map(int, Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except (OSError, ValueError):
            continue
    return total, seen


# System calls that hide memory from the count (memfd_create, shmget, …), make new namespaces, look into other
# processes or are known for holes of the kernel. x86-64 and 64-bit ARM.
DENIED = {
    "x86_64": (29, 30, 31, 101, 165, 166, 155, 246, 248, 249, 250, 272, 298, 308, 310, 311, 319, 321, 323, 425, 447),
    "aarch64": (39, 40, 41, 97, 104, 117, 194, 195, 196, 217, 218, 219, 241, 268, 270, 271, 279, 280, 282, 425, 447),
}
# The architecture's mark, the numbers of clone and prctl.
NUMBERS = {"x86_64": (0xC000003E, 56, 157), "aarch64": (0xC00000B7, 220, 167)}
CLONE3, NEW_USER, THREAD, SET_DEATH_SIGNAL = 435, 0x10000000, 0x10000, 1
FORK = {"x86_64": (57, 58), "aarch64": ()}


@functools.cache
def denied_calls(alone: bool) -> bytes | None:
    """Return the kernel's filter of system calls (a BPF program); None for other machines.

    `alone`: no new processes at all, for root in a user namespace, whom no limit on processes holds.
    """
    machine = platform.machine()
    if machine not in DENIED:
        return None
    architecture, clone, prctl = NUMBERS[machine]
    load, equal, at_least, bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, no_permission, unknown = 0x7FFF0000, 0x00050001, 0x00050026  # EPERM, ENOSYS
    numbers = DENIED[machine]
    lines: list[tuple[int, int, int, int]] = [(load, 0, 0, 4), (equal, 1, 0, architecture), (give, 0, 0, no_permission)]
    lines += [(load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (give, 0, 0, no_permission)]
    for number in (*numbers, *(FORK[machine] if alone else ())):
        lines += [(equal, 0, 1, number), (give, 0, 0, no_permission)]
    lines += [(equal, 0, 1, CLONE3), (give, 0, 0, unknown)]  # its flags lie in memory, where no filter sees them
    if alone:
        lines += [(equal, 0, 3, clone), (load, 0, 0, 16), (bits, 1, 0, THREAD), (give, 0, 0, no_permission)]
        lines += [(load, 0, 0, 0)]
    for number, test, value in ((clone, bits, NEW_USER), (prctl, equal, SET_DEATH_SIGNAL)):  # by the first argument
        lines += [(equal, 0, 4, number), (load, 0, 0, 16), (test, 0, 1, value), (give, 0, 0, no_permission)]
        lines += [(give, 0, 0, allow)]
    lines += [(give, 0, 0, allow)]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
