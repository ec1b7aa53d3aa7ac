"""What is published, where the lake is on object storage: the originals there, and the copies this host serves.

    <lake>/published/manifest.json, manifests/<n>.json, <tenant>/<version>.<sha>.duckdb      originals
    home.published_root()/…                                                                  the same names, copied

`present` brings the manifest, `fetch` the files of those who ask; `upload` and `swap` publish. A name holds the hash
of its file, so a copy that is there is the right one, also after two hosts published at once. With a lake in a folder
the published folder is the original and nothing is copied. Standard library at import: Superset's environment imports
this too.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any

from warehouse_models import home
from warehouse_models.errors import TenureError
from warehouse_models.files import replacing, write_atomically
from warehouse_models.lake import storage
from warehouse_models.published.manifest import Manifest

if TYPE_CHECKING:
    from obstore.store import S3Store

# A dashboard opens a connection a tile: once in so many seconds is enough to ask whether there is a new manifest.
FRESH_SECONDS = 5.0
_REPLACED_FILE_STAYS_SECONDS = 3600.0
# When each folder of copies was last compared with the originals, by the monotonic clock.
asked_at: dict[Path, float] = {}
_asking = Lock()
_log = logging.getLogger(__name__)


def present(root: Path) -> tuple[Manifest, str | None]:
    """The present manifest, copied to `root`, and what `swap` must find unchanged. TenureError: not reachable."""
    if not _copied(root):
        return Manifest.read(root) or Manifest.empty(), None
    import obstore

    with _explained():
        try:
            original = obstore.get(originals_store(), "manifest.json")
            text, token = bytes(original.bytes()).decode(), original.meta["e_tag"]
        except FileNotFoundError as absent:
            if "NoSuchBucket" in str(absent):
                raise
            return Manifest.empty(), None
    manifest, before = Manifest.parse(text), Manifest.read(root)
    if before != manifest:
        root.mkdir(parents=True, exist_ok=True)
        write_atomically(root / "manifest.json", text)
        _tidy(root, before, manifest)
    asked_at[root] = time.monotonic()
    return manifest, token


def refresh(root: Path) -> Manifest | None:
    """The manifest to serve by: asked for at most every few seconds; while nobody answers, the one copied last."""
    if _copied(root):
        with _asking:
            if time.monotonic() - asked_at.get(root, float("-inf")) > FRESH_SECONDS:
                _ask(root)
    return Manifest.read(root)


def _ask(root: Path) -> None:
    try:
        present(root)
    except TenureError as error:
        copied = Manifest.read(root)
        if copied is None:
            raise
        _log.warning("%s; serving the copies of %s", error, copied.published_at)
    # An answer that does not come is not waited for by every tile either.
    asked_at[root] = time.monotonic()


def fetch(root: Path, files: Iterable[str]) -> None:
    """Have copies of these published files in `root`: whole or not at all. TenureError: not reachable, or not whole."""
    missing = [file for file in files if not (root / file).exists()] if _copied(root) else []
    for file in missing:
        import obstore

        target = root / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, f"{os.getpid()}.{get_ident()}.fetching") as out:
            with _explained():
                for chunk in obstore.get(originals_store(), file).stream():
                    out.write(chunk)
                out.flush()
            if _hash(Path(out.name)) != target.stem.partition(".")[2]:
                raise TenureError(f"the published file {file}", "its copy is not what was published", "try again")


def upload(root: Path, file: str) -> str:
    """Bring a new published file to the lake; its name from now on, which holds its hash. No copies: nothing to do."""
    path = root / file
    number, _, hashed = path.stem.partition(".")
    if not _copied(root) or hashed:
        return file
    import obstore

    name = f"{path.parent.name}/{number}.{_hash(path)}.duckdb"
    with _explained():
        obstore.put(originals_store(), name, path)
    os.replace(path, root / name)
    return name


def swap(root: Path, manifest: Manifest, token: str | None) -> bool:
    """Make `manifest` the present one; False where another host came in between. Its files are uploaded already."""
    if not _copied(root):
        manifest.write(root)
        return True
    import obstore

    with _explained():
        archive(root)
        try:
            mode: Any = "create" if token is None else {"e_tag": token}
            obstore.put(originals_store(), "manifest.json", manifest.to_json().encode(), mode=mode)
        except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
            # Also a swap of ours whose answer was lost, and that was sent again.
            if present(root)[0] != Manifest.parse(manifest.to_json()):
                return False
        manifest.write(root)
        archive(root)
    return True


def originals(root: Path) -> list[str]:
    """Names of everything that `root` holds copies of, the past manifests copied now: retention goes by all of them."""
    if not _copied(root):
        return []
    import obstore

    with _explained():
        archive(root)
        names = [str(entry["path"]) for page in obstore.list(originals_store()) for entry in page]
        for name in names:
            if name.startswith("manifests/") and not (root / name).exists():
                (root / "manifests").mkdir(parents=True, exist_ok=True)
                write_atomically(root / name, bytes(obstore.get(originals_store(), name).bytes()).decode())
    return names


def remove(names: Iterable[str]) -> None:
    """Remove originals by name."""
    for name in names:
        import obstore

        with _explained(), suppress(FileNotFoundError):
            obstore.delete(originals_store(), name)


def _copied(root: Path) -> bool:
    """Whether `root` holds copies: it is this home's folder of a lake on object storage."""
    return storage.is_remote(home.lake_root()) and root == home.published_root()


def originals_store() -> S3Store:
    """The storage that holds the originals. TenureError: it cannot be reached."""
    return storage.store(f"{home.lake_root().rstrip('/')}/published")


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        explanation = storage.explained(error, home.lake_root())
        if explanation is None:
            raise
        raise explanation from error


def _tidy(root: Path, before: Manifest | None, now: Manifest) -> None:
    """Remove copies that no manifest names any more; who read the manifest before may still be about to open one."""
    kept, were = now.files(), before.files() if before else set()
    for path in [*root.glob("*/*.duckdb"), *root.glob("*/.*.fetching")]:
        file = path.relative_to(root).as_posix()
        if file in were - kept:
            os.utime(path)
        elif file not in kept and time.time() - path.stat().st_mtime > _REPLACED_FILE_STAYS_SECONDS:
            path.unlink(missing_ok=True)


def archive(root: Path) -> None:
    """Keep the present manifest among the past ones. A host that was killed between its swap and this is helped."""
    import obstore

    manifest = Manifest.read(root)
    if manifest is not None:
        with suppress(obstore.exceptions.AlreadyExistsError):
            name = f"manifests/{manifest.number}.json"
            obstore.put(originals_store(), name, manifest.to_json().encode(), mode="create")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
