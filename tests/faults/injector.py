"""Runs one step in a forked child and disturbs it at one point.

    calm:       step ─▶ the list of its points (every change of a file below the home, by name)
    disturbed:  step ─▶ stands still at the point ─▶ killed, refused, cut short, or overtaken by a rival

The harness process itself never opens DuckDB or a Delta table: neither survives a fork.
"""

from __future__ import annotations

import errno
import os
import pickle
import re
import select
import signal
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.syscalls import WRITES, Call, Listener, install

# Of a stage of seconds: whoever needs longer hangs, also on a machine that twenty others use.
TIMEOUT = 600.0
_NAMES = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "*"),
    (re.compile(r"(?<=\.json\.)\d+$"), "*"),
    (re.compile(r"(?<=landed_date=)[\d-]+"), "*"),
    (re.compile(r"\b[0-9a-f]{24}(?=-\d{8}\.)"), "*"),
)
# Scratch space, logs and locks: what stands there decides nothing.
_ASIDE = ("tmp/", "dbt/", "run/", "verdicts.pickle")
NEEDS_SPACE = WRITES | {"fallocate", "mkdir", "link"}


@dataclass(frozen=True)
class Point:
    """The `nth` (from 0) time that a step does `call` to the file `path` (below the home, random parts as *)."""

    call: str
    path: str
    nth: int
    is_cuttable: bool = False

    @property
    def is_commit(self) -> bool:
        """Whether a Delta commit becomes visible here."""
        return self.call == "link" and "/_delta_log/" in self.path

    def __str__(self) -> str:
        return f"{self.call} {self.path}" + (f" ({self.nth + 1})" if self.nth else "")


@dataclass(frozen=True)
class Fault:
    """What happens at `point`: kill, torn, short, full, failed, rival; `part` of the bytes are written by torn, short.

    Without a point: a kill after `seconds`, or before the `index`-th change of a file.
    """

    kind: str
    point: Point | None = None
    part: float = 0.5
    seconds: float | None = None
    index: int | None = None
    rival: Callable[[], Any] | None = None
    patience: float = 20.0


@dataclass
class Outcome:
    """How a child ended. `fired`: the fault happened; `error`: what was raised; `killed`: by the fault."""

    fired: bool = False
    killed: bool = False
    error: str | None = None
    result: Any = None
    seconds: float = 0.0
    points: list[Point] = field(default_factory=list)
    rival_error: str | None = None


class Child:
    """A forked process at work on `act`; with `watched` its changes of files wait for answers."""

    def __init__(self, act: Callable[[], Any], log: Path, *, watched: bool = False) -> None:
        self.listener: Listener | None = None
        ours, theirs = socket.socketpair()
        reader, writer = os.pipe()
        self.started = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reader)
            ours.close()
            _work(act, log, writer, theirs if watched else None)
        theirs.close()
        os.close(writer)
        self.reader, self.output, self.is_over = reader, b"", False
        os.setpgid(self.pid, self.pid)
        if watched:
            self.listener = Listener(socket.recv_fds(ours, 1, 1)[1][0])
        ours.close()

    def read(self) -> None:
        """Take what it has told; notes when it told the last of it."""
        part = os.read(self.reader, 1 << 16)
        self.output += part
        self.is_over = self.is_over or not part

    def kill(self) -> None:
        """kill -9, with every process it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def wait(self, patience: float) -> bool:
        """Whether it ended within so many seconds (it must not be watched)."""
        end = time.monotonic() + patience
        while not self.is_over and time.monotonic() < end:
            if select.select([self.reader], [], [], max(0.0, end - time.monotonic()))[0]:
                self.read()
        return self.is_over

    def close(self) -> Outcome:
        """Reap it and say how it ended."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        # A child of the child (dbt) goes with its parent, but not at once.
        self.kill()
        os.close(self.reader)
        if self.listener:
            self.listener.close()
        outcome = Outcome(killed=status == -signal.SIGKILL, seconds=time.monotonic() - self.started)
        if status == 0:
            outcome.result, outcome.error = pickle.loads(self.output)
        elif not outcome.killed:
            outcome.error = f"it ended with {status}"
        return outcome


def _work(act: Callable[[], Any], log: Path, writer: int, sender: socket.socket | None) -> None:
    code = 1
    try:
        with suppress(PermissionError):
            os.setpgid(0, 0)
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        if sender:
            listener = install()
            socket.send_fds(sender, [b"x"], [listener])
            os.close(listener)
            sender.close()
        result, error = None, None
        try:
            result = act()
        except Exception as raised:
            traceback.print_exc()
            error = f"{type(raised).__name__}: {raised}"
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(pickle.dumps((result, error)))
        code = 0
    finally:
        os._exit(code)


def run(act: Callable[[], Any], home: Path, log: Path, fault: Fault | None = None) -> Outcome:
    """Run `act` in a child, watched, and let `fault` happen to it (None: only list its points)."""
    child = Child(act, log, watched=True)
    watch = Watch(child, home, fault, log)
    watch.until_the_end()
    outcome = child.close()
    outcome.fired, outcome.points, outcome.rival_error = watch.fired, watch.points, watch.rival_error
    outcome.killed = outcome.killed and watch.fired
    return outcome


def calm(act: Callable[[], Any], log: Path) -> Any:
    """Run `act` in a child that nobody disturbs; its result. RuntimeError where it raised."""
    child = Child(act, log)
    if not child.wait(TIMEOUT):
        child.kill()
        child.close()
        raise RuntimeError(f"not over after {TIMEOUT:g} s")
    outcome = child.close()
    if outcome.error or outcome.killed:
        raise RuntimeError(outcome.error or "it was killed")
    return outcome.result


class Watch:
    """Answers the calls of one child: `until_the_end`, or `handle` where somebody else waits for several children."""

    def __init__(self, child: Child, home: Path, fault: Fault | None, log: Path) -> None:
        self.child, self.home, self.fault, self.log = child, home, fault, log
        self.points: list[Point] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.fired = self.is_full = False
        self.rival: Child | None = None
        self.rival_error: str | None = None

    def until_the_end(self) -> None:
        listener, child = self.child.listener, self.child
        assert listener is not None
        poll = select.poll()
        poll.register(listener.descriptor, select.POLLIN)
        poll.register(child.reader, select.POLLIN)
        end = child.started + TIMEOUT
        seconds = self.fault.seconds if self.fault else None
        due = None if seconds is None else child.started + seconds
        while not child.is_over:
            now = time.monotonic()
            if due is not None and now >= due:
                self.fired, due = True, None
                child.kill()
            if now >= end:
                child.kill()
                raise RuntimeError(f"not over after {TIMEOUT:g} s")
            for descriptor, event in poll.poll(1000 * max(0.0, min(end, due or end) - now) + 1):
                if descriptor == child.reader:
                    child.read()
                elif not self.handle(event):
                    poll.unregister(descriptor)
        self.close_rival()

    def handle(self, event: int) -> bool:
        """Answer what the listener's descriptor holds; False: nobody will ask any more."""
        listener = self.child.listener
        assert listener is not None
        if not event & select.POLLIN:
            return False
        call = listener.receive()
        if call is not None:
            self._answer(listener, call)
        return True

    def close_rival(self) -> None:
        """Wait for the rival, where there was one."""
        if self.rival is not None:
            if not self.rival.wait(TIMEOUT):
                self.rival.kill()
                raise RuntimeError(f"the rival was not over after {TIMEOUT:g} s")
            self.rival_error = self.rival.close().error

    def _answer(self, listener: Listener, call: Call) -> None:
        name = self._below_home(call.path)
        if name is None:
            return listener.allow(call)
        if self.is_full and call.name in NEEDS_SPACE:
            return listener.refuse(call, errno.ENOSPC)
        if name.startswith(_ASIDE) or name.endswith((".lock", ".lock.*")):
            return listener.allow(call)
        for pattern, mark in _NAMES:
            name = pattern.sub(mark, name)
        point = Point(call.name, name, self.counts[call.name, name], call.is_cuttable)
        self.counts[call.name, name] += 1
        self.points.append(point)
        fault = self.fault
        if fault is None or self.fired or not self._is_due(point, fault):
            return listener.allow(call)
        self.fired = True
        self._happen(listener, call, fault)

    def _is_due(self, point: Point, fault: Fault) -> bool:
        return point == fault.point or len(self.points) - 1 == fault.index

    def _happen(self, listener: Listener, call: Call, fault: Fault) -> None:
        if fault.kind == "kill":
            self.child.kill()
        elif fault.kind == "torn":
            listener.cut(call, fault.part, answer=False)
            self.child.kill()
        elif fault.kind == "short":
            listener.cut(call, fault.part, answer=True)
        elif fault.kind == "full":
            self.is_full = True
            listener.refuse(call, errno.ENOSPC)
        elif fault.kind == "failed":
            listener.refuse(call, errno.EIO)
        else:
            assert fault.rival is not None
            self.rival = Child(fault.rival, self.log)
            self.rival.wait(fault.patience)
            listener.allow(call)

    def _below_home(self, path: str) -> str | None:
        root = f"{self.home}/"
        return path.removeprefix(root) if path.startswith(root) else None
