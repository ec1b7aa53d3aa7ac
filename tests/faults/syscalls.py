"""Every change a process makes to its files, seen before it happens: Linux' seccomp user notification, from Python.

    child: install() ─▶ a filter, inherited by every thread and child      parent: Listener(fd).receive() ─▶ Call
                                                                           allow(call) | refuse(call, errno) | cut(call)

Neither a compiler nor ptrace nor root is needed, and Rust (delta-rs) and C++ (DuckDB) are seen like Python is. A call
stands still until it is answered, so "kill before the seventh rename" is exact.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
from dataclasses import dataclass
from functools import cached_property

# name → number on x86_64, on aarch64 (None: the machine has no such call)
_NUMBERS: dict[str, tuple[int, int | None]] = {
    "write": (1, 64),
    "pwrite": (18, 68),
    "writev": (20, 66),
    "pwritev": (296, 70),
    "sendfile": (40, 71),
    "copy_file_range": (326, 285),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "syncfs": (306, 267),
    "open": (257, 56),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
}
_MACHINES = {"x86_64": (0, 0xC000003E, 317), "aarch64": (1, 0xC00000B7, 277)}
# Arguments that hold a path, as (position of the directory, position of the path); the last is the one that counts.
_PATHS = {
    "open": (0, 1),
    "rename": (None, 1),
    "renameat": (2, 3),
    "renameat2": (2, 3),
    "link": (None, 1),
    "linkat": (2, 3),
    "unlink": (None, 0),
    "unlinkat": (0, 1),
    "mkdir": (None, 0),
    "mkdirat": (0, 1),
}
_SAME = {"renameat": "rename", "renameat2": "rename", "linkat": "link", "unlinkat": "unlink", "mkdirat": "mkdir"}
WRITES = frozenset({"write", "pwrite", "writev", "pwritev", "sendfile", "copy_file_range"})
_CUTTABLE = frozenset({"write", "pwrite"})
_CREATES = os.O_CREAT | os.O_TRUNC
_AT_FDCWD = 0xFFFFFF9C
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_CONTINUE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def why_not() -> str | None:
    """Why faults cannot be injected on this machine; None where they can."""
    if platform.system() != "Linux" or platform.machine() not in _MACHINES:
        return f"faults are injected on Linux on {' or '.join(_MACHINES)} only"
    try:
        with open("/proc/sys/kernel/seccomp/actions_avail", encoding="ascii") as file:
            return None if "user_notif" in file.read().split() else "the kernel has no seccomp user notification (5.5)"
    except OSError:
        return "the kernel has no seccomp"


def install() -> int:
    """Put this process, and all that it starts from now on, under notification; the listener's descriptor."""
    column, machine, seccomp = _MACHINES[platform.machine()]
    numbers = {name: entry[column] for name, entry in _NUMBERS.items() if entry[column] is not None}
    opening = numbers.pop("open")
    assert opening is not None
    body = [(0x15, 0, 1, number) for number in numbers.values()]
    program = [(0x20, 0, 0, 4), (0x15, 1, 0, machine), (0x06, 0, 0, _ALLOW), (0x20, 0, 0, 0)]
    for code, yes, no, number in body:
        program += [(code, yes, no, number or 0), (0x06, 0, 0, _NOTIFY)]
    # Opening counts where it may create or empty a file: the flags are the third argument.
    program += [(0x15, 0, 3, opening), (0x20, 0, 0, 16 + 8 * 2), (0x45, 0, 1, _CREATES), (0x06, 0, 0, _NOTIFY)]
    program += [(0x06, 0, 0, _ALLOW)]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    held = ctypes.create_string_buffer(code, len(code))
    bpf = _Program(len(program), ctypes.cast(held, ctypes.c_void_p))
    if _libc.prctl(38, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    listener = _libc.syscall(seccomp, 1, 1 << 3, ctypes.byref(bpf))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return int(listener)


@dataclass(frozen=True)
class Call:
    """One call that waits for its answer. `task` is the calling thread."""

    id: int
    task: int
    exact: str
    args: tuple[int, ...]

    @property
    def name(self) -> str:
        """What it does, without the variants: `rename`, `link`, `write` …"""
        return _SAME.get(self.exact, self.exact)

    @cached_property
    def path(self) -> str:
        """The file it changes; empty where it is none (a pipe)."""
        try:
            if self.exact in _PATHS:
                directory, position = _PATHS[self.exact]
                return self._path(None if directory is None else self.args[directory], self.args[position])
            position = {"sendfile": 0, "copy_file_range": 2}.get(self.exact, 0)
            target = os.readlink(f"/proc/{self.task}/fd/{self.args[position] & 0xFFFFFFFF}")
            return target.removesuffix(" (deleted)") if target.startswith("/") else ""
        except OSError:
            return ""

    @property
    def is_cuttable(self) -> bool:
        """Whether a part of it can be written."""
        return self.exact in _CUTTABLE and self.args[2] >= 2

    def _path(self, directory: int | None, address: int) -> str:
        with open(f"/proc/{self.task}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            text = os.fsdecode(memory.read(4096).split(b"\0", 1)[0])
        if text.startswith("/"):
            return os.path.normpath(text)
        held = "cwd" if directory is None or directory & 0xFFFFFFFF == _AT_FDCWD else f"fd/{directory & 0xFFFFFFFF}"
        return os.path.normpath(os.path.join(os.readlink(f"/proc/{self.task}/{held}"), text))

    def process(self) -> int:
        """Id of the process that the calling thread belongs to."""
        with open(f"/proc/{self.task}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Tgid"))


class Listener:
    """The parent's end: `receive` a call, then answer it once."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        column = _MACHINES[platform.machine()][0]
        self._names = {entry[column]: name for name, entry in _NUMBERS.items()}

    def receive(self) -> Call | None:
        """The next call; None where its process is gone meanwhile."""
        buffer = bytearray(80)
        try:
            fcntl.ioctl(self.descriptor, _RECEIVE, buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):
                return None
            raise
        id_, task, _, number, _, _, *args = struct.unpack("QIIiIQ6Q", buffer)
        return Call(id_, task, self._names[number], tuple(args))

    def allow(self, call: Call) -> None:
        """Let the kernel do what was asked."""
        self._answer(call, 0, 0, _CONTINUE)

    def refuse(self, call: Call, number: int) -> None:
        """Fail it with an errno."""
        self._answer(call, 0, -number, 0)

    def cut(self, call: Call, part: float, *, answer: bool) -> None:
        """Write the first `part` (0 to 1) of its bytes; `answer`: tell the caller how many, else leave it waiting."""
        size = max(1, min(call.args[2] - 1, int(call.args[2] * part)))
        with open(f"/proc/{call.task}/mem", "rb", buffering=0) as memory:
            memory.seek(call.args[1])
            data = memory.read(size)
        held = os.pidfd_open(call.process())
        # The same open file, so that its position moves as if the caller had written.
        file = _libc.syscall(438, held, call.args[0] & 0xFFFFFFFF, 0)
        os.close(held)
        if file < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        try:
            done = os.pwrite(file, data, call.args[3]) if call.exact == "pwrite" else os.write(file, data)
        finally:
            os.close(file)
        if answer:
            self._answer(call, done, 0, 0)

    def close(self) -> None:
        """Give the descriptor back: calls still waiting fail."""
        os.close(self.descriptor)

    def _answer(self, call: Call, value: int, error: int, flags: int) -> None:
        try:
            fcntl.ioctl(self.descriptor, _SEND, struct.pack("QqiI", call.id, value, error, flags))
        except OSError as failure:
            if failure.errno != errno.ENOENT:  # killed meanwhile
                raise
