"""What executives see: Superset assets as files, roles, the row-level rule, and the set-up of Superset.

    assets/ ─▶ bundle ─▶ validate ─▶ push ─▶ Superset ─▶ superset/dialect ─▶ serving.connection ─▶ published files

Pipeline environment: service (the public interface), bundle, validate, layout, query_context, environment.
Superset's environment: superset/{config, security, dialect, admin, push}.
"""
