"""Whose data a Superset user sees: one attribute, and one rule that reads it. Runs inside Superset.

    table tenure_user_tenants (user, tenant; '*' = every tenant)
        └─▶ principal_of(user) ─▶ connect_as_user   which published files a connection opens   (the first fence)
                               ─▶ tenants_clause    the row-level rule on every dataset        (the second)
                               ─▶ rls cache key     cached answers apart by tenant and publication
                               ─▶ get_user_roles    dashboards that need what not every tenant has (needs)

A user who is bound to nothing sees nothing. A new tenant needs no new rule, role or dataset.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, g, has_request_context
from flask_appbuilder import Model
from sqlalchemy import Column, ForeignKey, Integer, String, UniqueConstraint, select
from superset.security import SupersetSecurityManager

from dashboards.needs import met, role_with
from serving.guard import Refused
from serving.principal import ALL, Principal
from serving.publications import fingerprint
from warehouse_models.errors import TenureError

EVERY_TENANT = "*"
DRIVER = "duckdb+tenure"


class UserTenant(Model):
    """One tenant that one user is bound to."""

    __tablename__ = "tenure_user_tenants"
    __table_args__ = (UniqueConstraint("user_id", "tenant"),)
    id = Column(Integer, primary_key=True)
    user_id = Column(Integer, ForeignKey("ab_user.id", ondelete="CASCADE"), nullable=False, index=True)
    tenant = Column(String(64), nullable=False)


def principal_of(user_id: int | None) -> Principal:
    """The tenants that a user is bound to; a user without binding, or nobody, is bound to none."""
    from superset.extensions import db

    if user_id is None:
        return Principal(frozenset())
    bound = db.session.execute(select(UserTenant.tenant).where(UserTenant.user_id == user_id)).scalars().all()
    return ALL if EVERY_TENANT in bound else Principal(frozenset(bound))


def current_principal() -> Principal:
    """The principal of the user for whom Superset works right now."""
    return _principal(getattr(getattr(g, "user", None), "id", None))


def _principal(user_id: int | None) -> Principal:
    """The principal of a user, read once a request."""
    if not has_request_context():
        return principal_of(user_id)
    kept: dict[Any, Principal] = g.setdefault("_tenure_principals", {})
    if user_id not in kept:
        kept[user_id] = principal_of(user_id)
    return kept[user_id]


def tenants_clause(column: str = "tenant_id") -> str:
    """The row-level rule as SQL, for Jinja: which rows of a dataset the current user may see."""
    tenants = current_principal().tenants
    if tenants is None:
        return "1 = 1"
    quoted = ", ".join("'" + tenant.replace("'", "''") + "'" for tenant in sorted(tenants))
    return f"{column} IN ({quoted})" if quoted else "1 = 0"


def connect_as_user(
    uri: Any, params: dict[str, Any], username: str | None, security_manager: Any, source: Any
) -> tuple[Any, dict[str, Any]]:
    """DB_CONNECTION_MUTATOR: a connection to Tenure carries the principal it is opened for.

    Superset tells the effective user by name; the session's user is asked only where it tells none. TenureError for any
    other DuckDB address: a database that opens a file by itself would pass by the serving rules.
    """
    if uri.get_backend_name() != "duckdb":
        return uri, params
    if uri.drivername != DRIVER:
        raise TenureError(
            f"database {uri.drivername}", "DuckDB files are served through Tenure only", f"use {DRIVER}://"
        )
    user = security_manager.find_user(username=username) if username else None
    principal = principal_of(user.id) if user else current_principal()
    return uri, params | {"connect_args": {"principal": principal}}


def answer_in_words(app: Flask) -> None:
    """FLASK_APP_MUTATOR: a text too deep for Superset's own parser is refused like one too deep for ours."""
    from superset.errors import ErrorLevel, SupersetError, SupersetErrorType
    from superset.views.error_handling import json_error_response

    def too_deep(error: RecursionError) -> Any:
        message = str(Refused("the statement", "it is nested too deeply", "write it flatter, or with WITH"))
        refusal = SupersetError(message, SupersetErrorType.INVALID_SQL_ERROR, ErrorLevel.ERROR)
        return json_error_response([refusal], status=422)

    app.register_error_handler(RecursionError, too_deep)


class TenureSecurityManager(SupersetSecurityManager):
    """Superset's own; cached answers are kept apart by user and publication, and a user's tenants earn it roles."""

    def get_rls_cache_key(self, datasource: Any) -> list[str]:
        """Parts of the cache key that depend on the user; part of the key of every chart's data."""
        return [*super().get_rls_cache_key(datasource), f"tenure:{fingerprint(current_principal())}"]

    def get_user_roles(self, user: Any = None) -> list[Any]:
        """The user's own roles, and for each the one that opens dashboards whose needs the user's tenants meet.

        Superset asks here, and nowhere else, who may list a dashboard that has roles, open it and ask for its data.
        """
        user = user or g.user
        roles: list[Any] = super().get_user_roles(user)
        user_id = getattr(user, "id", None)
        # Superset asks also while an import is half done: looking something up must not write that half.
        with self.session.no_autoflush:
            names = [role_with(role.name, need) for need in _needs_met(user_id) for role in roles]
            earned = self.session.query(self.role_model).filter(self.role_model.name.in_(names)) if names else []
            return [*roles, *earned]


def _needs_met(user_id: int | None) -> list[str]:
    """The needs that the tenants of a user meet, read once a request."""
    if user_id is None:
        return []
    kept: dict[int, list[str]] = g.setdefault("_tenure_needs", {}) if has_request_context() else {}
    if user_id not in kept:
        kept[user_id] = met(_principal(user_id))
    return kept[user_id]
