"""Any local git repository as a tenant: figures about something a newcomer knows, within minutes.

    git log ─▶ one commit = one track event per top folder it touched ─▶ events.jsonl   (feature = top folder)
                 author = user (salted hash of the e-mail)              ─▶ users.jsonl
                 account = the author's e-mail domain, or the repository where several are read ─▶ accounts.jsonl

The event's time is the author's, with its offset; it was received when it was committed (a rebase comes late). No
e-mail address and no name leaves the repository: a user is 16 digits of a SHA-256 over the salt and the address. A file
at the root counts as the feature `root`; a commit that touches nothing (an empty one, a clean merge) as `commit`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import orjson

from connectors.contracts.times import NotATime, iso, parse_micros
from warehouse_models.errors import TenureError

_FORMAT = "%x1e%H%x1f%aE%x1f%aI%x1f%cI"
_AT_ROOT, _NOTHING = "root", "commit"
_LONGEST_NAME = 100
# Addresses that stand for no organisation.
_PRIVATE = frozenset(
    ("gmail.com", "googlemail.com", "users.noreply.github.com", "outlook.com", "hotmail.com", "icloud.com", "yahoo.com")
)


@dataclass(frozen=True)
class GitFiles:
    """What was written: three JSONL files for `tenure land`, and how much is in them."""

    events: Path
    accounts: Path
    users: Path
    commits: int
    event_count: int
    user_count: int
    account_count: int
    is_shallow: bool


@dataclass
class _Seen:
    first: int
    last: int
    authors: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class _Commit:
    hash: str
    email: str
    authored: str
    committed: str
    paths: tuple[str, ...]


def read_git(repositories: Sequence[Path | str], directory: Path | str, salt: str = "") -> GitFiles:
    """Write the history of local repositories as Segment events, accounts and users below `directory`.

    `salt` (the tenant's slug, or a secret) keeps equal addresses of two tenants apart. TenureError: git is missing, a
    path is no repository, or it has no commits. A shallow clone is read as far as it goes and says so in `is_shallow`.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    roots = [repository_root(Path(path)) for path in repositories]
    if not roots:
        raise TenureError("git history", "no repository was named", "name a folder with a git repository in it")
    named = _names([path for path, _ in roots])
    accounts: dict[str, _Seen] = {}
    users: dict[str, tuple[str, _Seen]] = {}
    commits = count = 0
    seen: set[str] = set()
    with (folder / "events.jsonl").open("wb") as out:
        for path, _ in roots:
            for commit in _log(path):
                if commit.hash in seen:
                    continue
                seen.add(commit.hash)
                commits += 1
                account = named[path] if len(roots) > 1 else _domain(commit.email)
                user = sha256(f"{salt}\0{commit.email}".encode()).hexdigest()[:16]
                for line in _events(commit, named[path], user, account):
                    out.write(line + b"\n")
                    count += 1
                at = _moment(commit.authored)
                span = accounts.setdefault(account, _Seen(at, at))
                span.authors.add(user)
                _, last = users.setdefault(user, (account, _Seen(at, at)))
                for one in (span, last):
                    one.first, one.last = min(one.first, at), max(one.last, at)
    with (folder / "accounts.jsonl").open("wb") as out:
        for name, about in sorted(accounts.items()):
            row = {"account_id": name, "name": name, "created_at": iso(about.first), "updated_at": iso(about.first)}
            out.write(orjson.dumps(row) + b"\n")
    with (folder / "users.jsonl").open("wb") as out:
        for user, (account, about) in sorted(users.items()):
            row = {"user_id": user, "account_id": account, "role": "author", "created_at": iso(about.first)}
            out.write(orjson.dumps({**row, "updated_at": iso(about.first)}) + b"\n")
    return GitFiles(
        folder / "events.jsonl",
        folder / "accounts.jsonl",
        folder / "users.jsonl",
        commits,
        count,
        len(users),
        len(accounts),
        any(shallow for _, shallow in roots),
    )


def _events(commit: _Commit, repository: str, user: str, account: str) -> Iterator[bytes]:
    touched: dict[str, int] = {}
    for path in commit.paths:
        head, slash, _ = path.partition("/")
        feature = head[:_LONGEST_NAME] if slash else _AT_ROOT
        touched[feature] = touched.get(feature, 0) + 1
    for feature, files in sorted(touched.items()) or [(_NOTHING, 0)]:
        yield orjson.dumps(
            {
                "messageId": f"{repository}:{commit.hash}:{feature}",
                "type": "track",
                "event": feature,
                "userId": user,
                "timestamp": commit.authored,
                # A commit cannot be received before it was written; clocks of two machines may say otherwise.
                "receivedAt": max(commit.authored, commit.committed, key=_moment),
                "context": {"groupId": account},
                "properties": {"repository": repository, "files": files},
            }
        )


def repository_root(path: Path) -> tuple[Path, bool]:
    """The root of the repository that `path` lies in, and whether its history is cut off.

    TenureError: there is no such folder, it is no repository that we may read, or it has no commit.
    """
    if not path.exists():
        raise TenureError(f"repository {path}", "there is no such folder", "check the path")
    inside = _git(path, "rev-parse", "--is-inside-work-tree", "--is-bare-repository")
    if inside.returncode:
        why = inside.stderr.strip().splitlines()[-1:] or ["git cannot read it"]
        if "dubious ownership" in inside.stderr:
            raise TenureError(f"repository {path}", "it belongs to another user", "git config safe.directory allows it")
        raise TenureError(f"repository {path}", f"it is not a git repository ({why[0]})", "name a folder made by git")
    if _git(path, "rev-parse", "--verify", "--quiet", "HEAD").returncode:
        raise TenureError(f"repository {path}", "it has no commits yet", "commit something, or name another one")
    top = _git(path, "rev-parse", "--show-toplevel")
    root = Path(top.stdout.strip()) if top.returncode == 0 and top.stdout.strip() else path.resolve()
    shallow = _git(path, "rev-parse", "--is-shallow-repository").stdout.strip() == "true"
    return root, shallow


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """A name for each repository: its folder's, with the one above where two are alike."""
    plain = [_plain_name(path) for path in paths]
    return {
        path: name if plain.count(name) == 1 else f"{_plain_name(path.parent)}/{name}"
        for path, name in zip(paths, plain, strict=True)
    }


def _plain_name(path: Path) -> str:
    # The name it was cloned from says more than the folder it lies in; only the last part of the address is kept.
    origin = _git(path, "config", "--get", "remote.origin.url").stdout.strip().rstrip("/")
    name = re.split(r"[/:\\]", origin)[-1] if origin else path.resolve().name
    return name.removesuffix(".git") or "repository"


def _moment(written: str) -> int:
    """UTC microseconds; a broken offset, which git keeps as it is, counts as the year 1970 and ends in quarantine."""
    try:
        return parse_micros(written)
    except NotATime:
        return 0


def _domain(email: str) -> str:
    _, at, domain = email.rpartition("@")
    domain = domain.strip().lower()
    if not at or "." not in domain:
        return "unknown"
    return "private addresses" if domain in _PRIVATE else domain


def _git(path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(path), *arguments], capture_output=True, text=True, errors="replace", check=False
        )
    except FileNotFoundError:
        raise TenureError("git", "the program is not installed", "install git") from None
    except NotADirectoryError:
        raise TenureError(f"repository {path}", "it is a file", "name the folder it lies in") from None


def _log(path: Path) -> Iterator[_Commit]:
    """The commits of HEAD from the oldest, streamed. Names of paths end in NUL, so that any name can be read."""
    command = ["git", "-C", str(path), "-c", "core.quotePath=false", "log", "--reverse", "--name-only", "-z", "-M"]
    # Complaints go to a file: a full pipe would stop git, and us with it.
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen([*command, f"--format={_FORMAT}"], stdout=subprocess.PIPE, stderr=complaints) as process,
    ):
        assert process.stdout is not None
        carry = b""
        while block := process.stdout.read(1 << 16):
            parts = (carry + block).split(b"\x1e")
            carry = parts.pop()
            yield from (_commit(part) for part in parts if part.strip(b"\0\n"))
        if carry.strip(b"\0\n"):
            yield _commit(carry)
        process.wait()
        complaints.seek(0)
        complaint = complaints.read(1 << 16).decode("utf-8", "replace").strip()
    if process.returncode:
        why = complaint.splitlines()[-1] if complaint else f"exit code {process.returncode}"
        raise TenureError(f"repository {path}", f"git log failed ({why})", "git fsck tells what is damaged")


def _commit(part: bytes) -> _Commit:
    head, _, rest = part.partition(b"\0")
    if b"\n" in head:
        # Older versions of git end the header with a line feed.
        head, _, first = head.partition(b"\n")
        rest = first + b"\0" + rest
    hash, email, authored, committed = head.decode("utf-8", "replace").split("\x1f")
    paths = tuple(name.lstrip("\n") for name in rest.decode("utf-8", "replace").split("\0") if name.strip("\n"))
    return _Commit(hash, email.strip().lower(), authored, committed, paths)
