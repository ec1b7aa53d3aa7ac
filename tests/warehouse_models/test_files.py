"""Files that are whole or not there, durable before their name is, and locks that end with their holder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from tests.support.worlds.collector import ROOT
from warehouse_models import files


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of the disk, in order: a sync of a file or a folder by its name, a new name."""
    made: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_sync(file: int) -> None:
        made.append(f"sync {Path(os.readlink(f'/proc/self/fd/{file}')).name}")
        fsync(file)

    def noted_name(old: Path, new: Path) -> None:
        made.append(f"name {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_name)
    return made


def test_the_content_is_on_the_disk_before_the_name_and_the_name_where_it_must_be(
    tmp_path: Path, calls: list[str]
) -> None:
    files.write_atomically(tmp_path / "a", "é", "writing", is_name_synced=True)
    assert calls == ["sync .a.writing", "name a", f"sync {tmp_path.name}"]
    assert (tmp_path / "a").read_bytes() == "é".encode()
    calls.clear()
    files.write_atomically(tmp_path / "a", b"\xff", "writing")
    assert calls == ["sync .a.writing", "name a"] and (tmp_path / "a").read_bytes() == b"\xff"
    calls.clear()
    (tmp_path / "made").write_bytes(b"by something else")
    files.put_in_place(tmp_path / "made", tmp_path / "b")
    assert calls == ["sync made", "name b"] and not (tmp_path / "made").exists()


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    files.write_atomically(tmp_path / "a", "old")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left"):
        files.write_atomically(tmp_path / "a", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_what_raises_while_a_file_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    files.write_atomically(tmp_path / "a", "old")
    with pytest.raises(ValueError, match="not what was published"), files.replacing(tmp_path / "a") as file:
        file.write(b"new")
        raise ValueError("not what was published")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_secret_is_its_owner_s_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    fsync = os.fsync

    def noted(file: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(file).st_mode))
        fsync(file)

    monkeypatch.setattr(os, "fsync", noted)
    files.write_atomically(tmp_path / "secret", "s", mode=0o600)
    assert modes == [0o600] == [stat.S_IMODE((tmp_path / "secret").stat().st_mode)]


def test_a_reader_sees_one_content_or_another_and_never_a_part_of_it(tmp_path: Path) -> None:
    path, done = tmp_path / "a", Event()
    contents = [letter * 100_000 for letter in "abc"]
    files.write_atomically(path, contents[0])

    def write(content: str) -> None:
        while not done.is_set():
            files.write_atomically(path, content)

    writers = [Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    seen = {path.read_text() for _ in range(200)}
    done.set()
    for writer in writers:
        writer.join()
    assert seen <= set(contents) and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_lock_is_one_process_s_until_it_gives_it_back_or_is_killed(tmp_path: Path) -> None:
    holder_code = (
        "import os, sys\n"
        "from warehouse_models.files import take_lock\n"
        "print(take_lock(os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)), flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", holder_code, str(tmp_path / "lock")]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "True\n"
    with (tmp_path / "lock").open("r+") as mine, (tmp_path / "lock").open("r+") as other:
        assert not files.take_lock(mine.fileno())
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert files.take_lock(mine.fileno()) and not files.take_lock(other.fileno())
        files.release_lock(mine.fileno())
        assert files.take_lock(other.fileno())


def test_superset_s_environment_can_import_it() -> None:
    """It has no pyarrow, deltalake or yaml of ours."""
    code = "import sys, warehouse_models.files; print(sorted({name.split('.')[0] for name in sys.modules}))"
    run = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(eval(run.stdout)) - set(sys.stdlib_module_names) <= {"warehouse_models", "__main__"}
