"""The CRM export of a sandbox tenant: every version of its accounts and users, with the day it became true."""

from __future__ import annotations

import csv
import json
from datetime import date, timedelta
from pathlib import Path

from connectors.sandbox.people import Account, People, User, currency_of
from connectors.sandbox.story import email

_ACCOUNT = (
    *("account_id", "name", "segment", "industry", "country", "csm", "created_at", "renewal_date", "currency"),
    *("licensed_seats", "updated_at"),
)


def write_accounts(path: Path, people: People, first_day: date) -> None:
    """accounts.csv: a row for each state an account was in."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_ACCOUNT)
        for account in people.accounts:
            for seats, csm, since in _states(account, people, first_day):
                writer.writerow(
                    (
                        *(account.id, account.name, account.segment, account.industry, account.country, csm),
                        *(account.created, account.renewal, currency_of(account), seats, f"{since}T00:00:00Z"),
                    )
                )


def _states(account: Account, people: People, first_day: date) -> list[tuple[int, str, date]]:
    seats, csm, since = account.seats, account.csm, account.created
    changes: dict[date, dict[str, int | str]] = {}
    if account.id in people.seats_raised:
        day, raised = people.seats_raised[account.id]
        changes.setdefault(first_day + timedelta(days=day), {})["seats"] = raised
    if people.csm_left is not None and people.csm_left[1] == account.csm:
        changes.setdefault(first_day + timedelta(days=people.csm_left[0]), {})["csm"] = people.csm_left[2]
    states = [(seats, csm, since)]
    for when in sorted(changes):
        seats, csm = int(changes[when].get("seats", seats)), str(changes[when].get("csm", csm))
        if when <= account.created:
            states = [(seats, csm, since)]
        else:
            states.append((seats, csm, when))
    return states


def write_users(path: Path, people: People, first_day: date) -> None:
    """users.jsonl: a row for each account a user belonged to. Users nobody registered have none."""
    with path.open("w", encoding="utf-8") as file:
        for user in [*people.users, *([people.monitor] if people.monitor else [])]:
            if user.account is None:
                continue
            file.write(_user_row(user, user.account, user.created))
            if user.moves is not None:
                file.write(_user_row(user, user.moves[1], first_day + timedelta(days=user.moves[0])))


def _user_row(user: User, account: Account, since: date) -> str:
    row = {
        "user_id": user.id,
        "account_id": account.id,
        "email": email(user),
        "name": f"{user.first} {user.last}",
        "role": user.role,
        "created_at": user.created.isoformat(),
        "updated_at": f"{since.isoformat()}T00:00:00Z",
    }
    return json.dumps(row) + "\n"
