"""What a sandbox tenant is like: its size, its product, its manners. Fictional names only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """A tracked event of the product. `reach`: share of users who adopt it; `weight`: how often they use it;
    `launched`: the share of the simulated time after which it exists."""

    event: str
    reach: float
    weight: float
    launched: float = 0.0


@dataclass(frozen=True)
class SimulatedTenant:
    """A simulated tenant. Shares and rates are between 0 and 1; counts are exact.

    `currency`: what it reports in (ISO 4217). `hollow`: its small customers leave while the large ones grow.
    """

    slug: str
    name: str
    shard: str = "pool"
    features: tuple[Feature, ...] = ()
    pages: tuple[str, ...] = ("Home", "Search", "Settings", "Inbox", "Help")
    accounts: int = 40
    users_per_account: float = 9.0
    weekend: float = 0.12
    mobile: float = 0.25
    server: float = 0.1
    offline: float = 0.06
    duplicated: float = 0.012
    skewed: float = 0.12
    visitors_per_day: float = 5.0
    monitor: bool = False
    csms: tuple[str, ...] = ()
    currency: str = "EUR"
    hollow: bool = False


_WRITING = (
    Feature("Document Opened", 0.97, 6.0),
    Feature("Document Edited", 0.85, 5.0),
    Feature("Comment Added", 0.6, 2.5),
    Feature("Document Shared", 0.45, 1.0),
    Feature("Template Used", 0.3, 0.7),
    Feature("Export Created", 0.25, 0.4),
    Feature("Approval Requested", 0.2, 0.6),
    Feature("Assistant Asked", 0.4, 1.6, launched=0.55),
)
_MAINTENANCE = (
    Feature("Work Order Viewed", 0.95, 6.0),
    Feature("Work Order Closed", 0.7, 3.0),
    Feature("Checklist Completed", 0.55, 2.0),
    Feature("Sensor Alarm Acknowledged", 0.35, 1.5),
    Feature("Photo Attached", 0.4, 1.0),
    Feature("Spare Part Ordered", 0.2, 0.4),
    Feature("Shift Plan Published", 0.12, 0.3, launched=0.4),
)
_FINANCE = (
    Feature("Invoice Viewed", 0.95, 5.0),
    Feature("Invoice Approved", 0.6, 3.0),
    Feature("Payment Run Started", 0.3, 0.6),
    Feature("Report Opened", 0.7, 2.5),
    Feature("Report Exported", 0.4, 0.8),
    Feature("Budget Edited", 0.25, 0.7),
    Feature("Forecast Built", 0.2, 0.5, launched=0.5),
    Feature("Bank Feed Matched", 0.35, 2.0, launched=0.25),
)


def default_tenants() -> list[SimulatedTenant]:
    """The demo's three tenants: two share the pool, one has a shard of its own."""
    return [
        SimulatedTenant(
            "lumenfold",
            "Lumenfold",
            features=_WRITING,
            accounts=46,
            users_per_account=9.0,
            csms=("Ines Okafor", "Tomas Lindqvist", "Priya Raman", "Daniel Moreau"),
        ),
        SimulatedTenant(
            "ferrowise",
            "Ferrowise",
            features=_MAINTENANCE,
            pages=("Plant Overview", "Work Orders", "Assets", "Shift Log"),
            accounts=34,
            users_per_account=11.0,
            weekend=0.45,
            mobile=0.6,
            offline=0.16,
            visitors_per_day=2.0,
            monitor=True,
            hollow=True,
            csms=("Anke Dressler", "Marco Bellini", "Joanna Wrona"),
        ),
        SimulatedTenant(
            "kestrel_ledger",
            "Kestrel Ledger",
            shard="kestrel",
            features=_FINANCE,
            pages=("Cockpit", "Invoices", "Approvals", "Reports", "Suppliers"),
            accounts=38,
            users_per_account=10.0,
            weekend=0.06,
            mobile=0.1,
            server=0.2,
            currency="USD",
            csms=("Grace Adeyemi", "Oliver Stanton", "Mei Tanaka"),
        ),
    ]
