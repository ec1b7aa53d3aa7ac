"""The one error type that users see: what is wrong, why, and what to do next."""

from __future__ import annotations


class TenureError(Exception):
    """A refusal or failure that a user can act on.

    `what` names the thing, `why` the reason, `next_step` the mend. The command line prints the three lines and
    exits 2; nothing else in the product prints a traceback for a TenureError.
    """

    def __init__(self, what: str, why: str, next_step: str = "") -> None:
        self.what, self.why, self.next_step = what, why, next_step
        super().__init__(f"{what}: {why}" + (f" ({next_step})" if next_step else ""))
