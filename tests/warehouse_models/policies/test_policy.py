"""A tenant's setting is refused where it could stop or falsify anything: its shard's run, its landings, its figures."""

from __future__ import annotations

import pytest

from warehouse_models.errors import TenureError
from warehouse_models.policies.policy import check_setting


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("session_gap_minutes", "0"),
        ("session_gap_minutes", "1441"),
        ("session_gap_minutes", "99999999999999999999"),
        ("event_time_clamp_minutes", "-1"),
        ("trend_min_events", "1e3"),
        ("event_time_floor", "yesterday"),
        ("internal_users", '{"domains": "x.com"}'),
        ("internal_users", '{"domain": ["x.com"]}'),
        ("internal_users", '{"domains": ["@x.com"]}'),
        ("internal_users", '{"domains": ["*.x.com"]}'),
        ("internal_users", '{"users": [""]}'),
        ("internal_users", '{"accounts": [7]}'),
        ("internal_users", "x.com"),
        ("qualifying_types", ","),
        ("qualifying_types", "track,click"),
        ("reporting_currency", "euro"),
        ("nonsense", "1"),
    ],
)
def test_a_value_that_cannot_be_is_refused(key: str, value: str) -> None:
    with pytest.raises(TenureError, match=key):
        check_setting(key, value)


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("session_gap_minutes", "1440", 1440),
        ("event_time_floor", "2010-01-01", "2010-01-01"),
        ("internal_users", '{"domains": ["x.com"]}', {"domains": ["x.com"], "users": [], "accounts": []}),
        (
            "internal_users",
            {"domains": ["X.com", "x.com"], "users": ["b", "a", "b"]},
            {"domains": ["x.com"], "users": ["a", "b"], "accounts": []},
        ),
        ("qualifying_types", "track,page", ["track", "page"]),
        ("qualifying_types", "page, track,track", ["track", "page"]),
    ],
)
def test_a_value_that_can_be_is_kept_in_its_type(key: str, value: str, kept: object) -> None:
    assert check_setting(key, value) == kept
