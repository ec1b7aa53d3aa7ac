"""What executives see: Superset assets as files, roles, the row-level rule, and the set-up of Superset.

    assets/ ─▶ bundle ─▶ validate ─▶ push ─▶ Superset ─▶ superset_dialect ─▶ warehouse_models.serving ─▶ published files

Pipeline environment: service (the public interface), bundle, validate, layout, query_context, environment.
Superset's environment: superset_config, superset_security, superset_dialect, superset_admin, superset_push.
"""
