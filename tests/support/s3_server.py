"""An S3-compatible server (moto's) as a process of its own on a free port of 127.0.0.1, and `tenure` beside it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

SECRET = "the-secret-of-the-tests"


@dataclass(frozen=True)
class Server:
    """A running server: its address and its process id."""

    url: str
    process: subprocess.Popen[str]

    def bucket(self, name: str) -> str:
        """A new bucket; its `s3://` address."""
        with urlopen(Request(f"{self.url}/{name}", method="PUT")):
            return f"s3://{name}"

    def environment(self, lake: str) -> dict[str, str]:
        """What `tenure` needs in its environment to use `lake` here."""
        return {
            "TENURE_LAKE": lake,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "tester",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
        }


def tenure(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", "from orchestration.cli import main; main()", *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for processes that have to succeed."""
    for process in processes:
        said, _ = process.communicate(timeout=600)
        assert process.returncode == 0, said


@contextmanager
def server(*, checks_keys: bool = False, ignores_conditions: bool = False) -> Iterator[Server]:
    """Start one, give it, stop it.

    `checks_keys`: it knows no key, so it refuses every one. `ignores_conditions`: as older storage does, it takes every
    PUT, whatever its If-None-Match says.
    """
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "1" if checks_keys else "inf"}
    arguments = ["ignores_conditions"] if ignores_conditions else []
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def main(ignores_conditions: bool) -> None:
    """Serve until killed; the port is printed first."""
    from threading import Lock

    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    serve, lock = DomainDispatcherApplication(create_backend_app), Lock()

    def one_write_at_a_time(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] != "PUT":
            return serve(environ, start)  # type: ignore[no-any-return]
        if ignores_conditions:
            environ = {k: v for k, v in environ.items() if k not in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH")}
        # moto looks and then writes; that nobody comes in between is what storage promises.
        with lock:
            return serve(environ, start)  # type: ignore[no-any-return]

    made = make_server("127.0.0.1", 0, one_write_at_a_time, threaded=True)
    print(made.port, flush=True)
    made.serve_forever()


if __name__ == "__main__":
    main("ignores_conditions" in sys.argv)
