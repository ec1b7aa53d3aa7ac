"""Object storage: how an `s3://` lake is reached, told in the words of each library that reads or writes there.

    AWS_* of the environment ─▶ options() ─▶ deltalake, obstore
                             └▶ secret()  ─▶ DuckDB (httpfs, delta)

AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN), AWS_REGION and, where it is not AWS, AWS_ENDPOINT_URL.
What storage must offer: reads that follow writes, and PUT with `If-None-Match: *` and `If-Match` (two writers must not
overwrite each other's commit); `honours_conditions` tries it. Standard library at import: Superset's environment
imports this too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from warehouse_models.errors import TenureError

if TYPE_CHECKING:
    from obstore.store import S3Store

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION")
# Seconds and tries of one request. The libraries' own default goes on for three minutes where nobody answers.
_RETRIES, _RETRY_SECONDS, _CONNECT_SECONDS, _REQUEST_SECONDS = 4, 20, 5, 30
_NEXT_KEY = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what this key may do"
# How deltalake, obstore, DuckDB's httpfs and its Delta kernel begin what they say about storage.
_ABOUT_STORAGE = r"Generic S3 error|Error performing [A-Z]+ http|interacting with object store|HTTP [A-Z]+ (to|error)"
# What the libraries say, in the order in which it is looked for.
_REASONS = (
    (r"NoSuchBucket", "the bucket {bucket} does not exist", "create it, or mend TENURE_LAKE"),
    (
        r"InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|InvalidToken|ExpiredToken|\b40[13]\b|Forbidden",
        "the storage refuses the key, or the key may not do this",
        _NEXT_KEY,
    ),
    (
        r"error sending request|[Cc]onnect|dns error|resolve|timed out|Timeout|\b50[0-9]\b",
        "{endpoint} does not answer",
        "check AWS_ENDPOINT_URL and the network, then try again: what was committed stays",
    ),
)


def is_remote(address: str) -> bool:
    """Whether an address is object storage, not a folder. TenureError where it is neither `s3://` nor a folder."""
    if "://" not in address:
        return False
    if not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", address):
        raise TenureError(f"TENURE_LAKE={address}", "it is no address of a lake", "a folder, or s3://bucket/prefix")
    return True


def options(address: str) -> dict[str, str] | None:
    """`storage_options` of deltalake for an address; None for a folder. TenureError where there is no key."""
    if not is_remote(address):
        return None
    settings = {key.lower(): os.environ[key] for key in _KEYS if os.environ.get(key)}
    for key in _KEYS[:2]:
        if key.lower() not in settings:
            raise TenureError(f"the lake {address}", f"{key} is not set", "set it in the environment of `tenure`")
    settings.setdefault("aws_region", os.environ.get("AWS_DEFAULT_REGION") or "us-east-1")
    if endpoint := _endpoint():
        settings |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
    return settings | {
        # The commit of a Delta version is a PUT that fails where the version is there already.
        "aws_conditional_put": "etag",
        "max_retries": str(_RETRIES),
        "retry_timeout": f"{_RETRY_SECONDS}s",
        "connect_timeout": f"{_CONNECT_SECONDS}s",
        "timeout": f"{_REQUEST_SECONDS}s",
    }


def secret(address: str) -> str:
    """The statement that lets a DuckDB connection (httpfs loaded) read below `address`; it holds the key: never log."""
    settings = options(address) or {}
    parts = {
        "KEY_ID": settings["aws_access_key_id"],
        "SECRET": settings["aws_secret_access_key"],
        "REGION": settings["aws_region"],
        "SCOPE": f"s3://{urlsplit(address).netloc}/",
    }
    if "aws_session_token" in settings:
        parts["SESSION_TOKEN"] = settings["aws_session_token"]
    if endpoint := settings.get("aws_endpoint"):
        split = urlsplit(endpoint)
        parts |= {"ENDPOINT": split.netloc + split.path.rstrip("/"), "URL_STYLE": "path"}
    values = ", ".join("{} '{}'".format(key, value.replace("'", "''")) for key, value in parts.items())
    use_ssl = settings.get("allow_http") != "true"
    return f"CREATE OR REPLACE SECRET tenure_lake (TYPE s3, {values}, USE_SSL {str(use_ssl).lower()})"


@cache
def store(address: str) -> S3Store:
    """Objects below an `s3://` address, made once a process and proved to be reachable. TenureError where it is not."""
    import obstore
    from obstore.store import S3Store

    settings = options(address)
    assert settings is not None, address
    split = urlsplit(address)
    made = S3Store(
        split.netloc,
        prefix=split.path.strip("/") or None,
        config={key: value for key, value in settings.items() if key.startswith("aws_")},  # type: ignore[arg-type]
        client_options={
            "allow_http": settings.get("allow_http") == "true",
            "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
            "timeout": timedelta(seconds=_REQUEST_SECONDS),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
    )
    try:
        # One small page: an absent bucket looks like an absent table to what comes later.
        next(iter(obstore.list(made, prefix="catalog", chunk_size=1)), None)
    except Exception as error:
        raise explained(error, address) or error from error
    return made


def honours_conditions(address: str) -> bool:
    """Whether the storage refuses to create what is there and to replace what has changed: without both, commits of
    two writers overwrite each other. Writes one small object below `address` and removes it."""
    import obstore

    objects, name = store(address), f"_probe/{uuid4().hex}"
    try:
        written = obstore.put(objects, name, b"1", mode="create")
        for again in ("create", {"e_tag": '"0123456789abcdef0123456789abcdef"'}):
            try:
                obstore.put(objects, name, b"2", mode=again)  # type: ignore[arg-type]
                return False
            except (obstore.exceptions.AlreadyExistsError, obstore.exceptions.PreconditionError):
                continue
        obstore.put(objects, name, b"3", mode={"e_tag": written["e_tag"]})
        return True
    except obstore.exceptions.BaseError as error:
        raise explained(error, address) or error from error
    finally:
        with suppress(obstore.exceptions.BaseError, FileNotFoundError):
            obstore.delete(objects, name)


def explained(error: BaseException, address: str) -> TenureError | None:
    """What a library's error about object storage says, as ours; None where it is about something else."""
    if isinstance(error, TenureError) or not is_remote(address):
        return None
    text = "\n".join(str(each) for each in _chain(error))
    if not re.search(_ABOUT_STORAGE, text):
        return None
    bucket, endpoint = urlsplit(address).netloc, _endpoint() or "the storage"
    for pattern, why, next_step in _REASONS:
        if re.search(pattern, text):
            return TenureError(f"the lake {address}", why.format(bucket=bucket, endpoint=endpoint), next_step)
    first = masked(text.strip().splitlines()[0], os.environ)
    return TenureError(f"the lake {address}", first, "try again; `tenure doctor` looks at the storage")


def masked(text: str, environment: Mapping[str, str]) -> str:
    """`text` without the secrets of the environment."""
    for key in _KEYS[1:3]:
        if environment.get(key):
            text = text.replace(environment[key], "***")
    return text


def _endpoint() -> str:
    return (os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or "").rstrip("/")


def _chain(error: BaseException | None) -> list[BaseException]:
    errors: list[BaseException] = []
    while error is not None and error not in errors:
        errors.append(error)
        error = error.__cause__ or error.__context__
    return errors
