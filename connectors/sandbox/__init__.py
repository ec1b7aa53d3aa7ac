"""The sandbox world: simulated tenants whose true figures are known, because nothing is measured that was not made."""

from connectors.sandbox.plan import TenantPlan, default_plans
from connectors.sandbox.write import TenantFiles, World, write_world

__all__ = ["TenantFiles", "TenantPlan", "World", "default_plans", "write_world"]
