"""The log of a running collector: JSON lines on standard error."""

from __future__ import annotations

import json
import logging
import sys
import time

_FIELDS = ("tenant", "source", "error", "path")


class _Json(logging.Formatter):
    """One JSON object a line: time, level, what happened, to whom. Never a key, never what was sent."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **{name: getattr(record, name) for name in _FIELDS if hasattr(record, name)},
        }
        return json.dumps(entry)


def log_as_json() -> None:
    """Send what the collector and its server log to standard error, in this form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json())
    for name in ("tenure.collector", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
