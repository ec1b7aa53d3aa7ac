"""The sandbox world: simulated tenants whose true figures are known, because nothing is measured that was not made."""

from connectors.sandbox.tenants import SimulatedTenant, default_tenants
from connectors.sandbox.write import TenantFiles, World, write_world

__all__ = ["TenantFiles", "SimulatedTenant", "World", "default_tenants", "write_world"]
