"""A dashboard that needs revenue is shown to whom a tenant with revenue is bound, and to nobody else."""

from __future__ import annotations

import dataclasses

import pytest

from dashboards.files import Assets
from tests.browser.conftest import (
    ANALYST,
    EVERYWHERE,
    EXECUTIVE,
    NEW_ANALYST,
    NEWCOMER,
    OLD_AND_NEW,
    OPERATOR,
    Superset,
)
from tests.support.worlds import serving as world
from warehouse_models.published.manifest import Manifest

pytestmark = [pytest.mark.superset, pytest.mark.slow]

ASSETS = Assets.read()
EVERY = sorted(ASSETS.dashboards)
NEEDY = sorted(slug for slug, dashboard in ASSETS.dashboards.items() if dashboard.get("needs") == "revenue")
OTHERS = sorted(set(EVERY) - set(NEEDY))
CHART = "mrr_waterfall"


def opened(superset: Superset, user: str, dashboard: str) -> set[int]:
    """What the API answers to a page about itself, its charts, datasets and tabs (the page itself: in a browser)."""
    client, number = superset.client(user), superset.dashboards[dashboard]
    parts = ("", "/charts", "/datasets", "/tabs")
    paths = [f"/api/v1/dashboard/{name}{part}" for name in (dashboard, number) for part in parts]
    return {client.get(path).status_code for path in paths}


def test_a_user_of_a_tenant_without_billing_gets_no_revenue_dashboard(
    superset: Superset, without_billing: None
) -> None:
    assert NEEDY and OTHERS
    for user in (NEWCOMER, NEW_ANALYST):
        assert superset.listed(user) == OTHERS
        for dashboard in NEEDY:
            assert opened(superset, user, dashboard) <= {403, 404}, (user, dashboard)
        assert opened(superset, user, OTHERS[0]) == {200}
    assert superset.query(NEWCOMER, CHART).status_code == 403
    assert superset.query(NEWCOMER, "dau").status_code == 200, "it lacks revenue, not figures"


def test_one_tenant_with_revenue_is_enough(superset: Superset, without_billing: None) -> None:
    for user in (EXECUTIVE, ANALYST, OLD_AND_NEW, EVERYWHERE, OPERATOR):
        assert superset.listed(user) == EVERY, user
        assert opened(superset, user, NEEDY[0]) == {200}, user
    answer = superset.query(OLD_AND_NEW, CHART)
    assert answer.status_code == 200 and answer.json()["result"][0]["rowcount"] > 0


def test_who_sees_every_tenant_sees_a_dashboard_that_any_of_them_fills(
    superset: Superset, without_billing: None
) -> None:
    root = superset.home / "published"
    manifest = Manifest.read(root)
    assert manifest is not None
    poor = {slug: dataclasses.replace(one, revenue_through=None) for slug, one in manifest.tenants.items()}
    try:
        dataclasses.replace(manifest, tenants=poor).write(root)
        assert superset.listed(EVERYWHERE) == OTHERS
    finally:
        manifest.write(root)
    assert superset.listed(EVERYWHERE) == EVERY


def test_the_first_publication_with_billing_brings_the_dashboard_into_the_same_session(
    superset: Superset, without_billing: None
) -> None:
    # The refusal has been given, and would have been kept if anything kept it.
    assert superset.listed(NEWCOMER) == OTHERS and superset.query(NEWCOMER, CHART).status_code == 403
    before = world.add(superset.home, has_billing=True)
    try:
        for user in (NEWCOMER, NEW_ANALYST):
            assert superset.listed(user) == EVERY
            assert opened(superset, user, NEEDY[0]) == {200}
        answer = superset.query(NEWCOMER, "top_losses")
        assert answer.status_code == 200 and answer.json()["result"][0]["rowcount"] > 0
        foreign = [*world.account_names(world.GREEN), *world.account_names(world.HELD)]
        assert not [name for name in foreign if name in answer.text], "the dashboard opens the own tenant's rows only"
    finally:
        before.write(superset.home / "published")
    assert superset.listed(NEWCOMER) == OTHERS, "and a publication that takes it back takes the dashboard back"


def test_a_manifest_of_an_older_release_shows_what_that_release_showed(
    superset: Superset, without_billing: None
) -> None:
    root = superset.home / "published"
    manifest = Manifest.read(root)
    assert manifest is not None
    old = {slug: dataclasses.replace(one, says_revenue=False) for slug, one in manifest.tenants.items()}
    never = dataclasses.replace(old[world.ADDED], file=None)
    try:
        dataclasses.replace(manifest, tenants=old).write(root)
        assert superset.listed(NEWCOMER) == EVERY
        dataclasses.replace(manifest, tenants=old | {world.ADDED: never}).write(root)
        assert superset.listed(NEWCOMER) == OTHERS, "never published: there is nothing to show"
    finally:
        manifest.write(root)


def test_what_opens_a_dashboard_opens_no_data(superset: Superset, without_billing: None) -> None:
    roles = superset.client(EXECUTIVE).get("/api/v1/me/roles/").json()["result"]["roles"]
    assert set(roles) == {"executive", "executive with revenue"}
    assert roles["executive with revenue"] == [], "it decides what is shown and holds no permission"
    # An analyst's access is the database, as it was: the tile's question is answered, by its own tenant's empty mart.
    empty = superset.query(NEW_ANALYST, "top_losses")
    assert empty.status_code == 200 and empty.json()["result"][0]["rowcount"] == 0
    answer = superset.sql(NEW_ANALYST, "select tenant_id, count(*) as accounts from dim_accounts group by 1")
    assert answer.json()["data"] == [{"tenant_id": world.ADDED, "accounts": 24}]
