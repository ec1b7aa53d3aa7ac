"""What executives see: Superset assets as files, roles, the row-level rule, and the set-up of Superset.

    assets/ ─▶ files ─▶ validate ─▶ bundle ─▶ superset/push ─▶ Superset
    Superset ─▶ superset/dialect ─▶ serving.opening ─▶ published files

Pipeline environment: service (the public interface), files, validate, bundle, layout, environment.
Superset's environment: superset/{config, security, dialect, admin, push}. Both: plan, needs, query_context.
"""
