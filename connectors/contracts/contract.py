"""Which contract the rows of an object are read by, under a tenant's settings."""

from __future__ import annotations

from connectors.contracts.events import EventContract
from connectors.contracts.objects import record_rules
from connectors.contracts.records import RecordContract
from connectors.contracts.times import MICROS_PER_SECOND, parse_micros
from warehouse_models.catalog.tenants import Tenant
from warehouse_models.policies.policy import effective
from warehouse_models.specs import spec

Contract = EventContract | RecordContract


def contract_of(object: str, tenant: Tenant, now: int, default_time: int) -> Contract:
    """The contract of an object for a tenant; UTC microseconds, `default_time` is that of records without their own."""
    if object != "events":
        rules = record_rules(object)
        return RecordContract(rules, now, default_time, spec(rules.address))
    policy = effective(tenant.settings)
    floor = parse_micros(str(policy["event_time_floor"]))
    return EventContract(now, floor, int(policy["event_time_clamp_minutes"]) * 60 * MICROS_PER_SECOND)
