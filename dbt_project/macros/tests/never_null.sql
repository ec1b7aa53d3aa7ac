{# Columns that are always known. As a test and not as a constraint, because a constraint names no tenant. Failing rows name their tenant. #}
{% test never_null(model, columns, scope_column=none) %}
    select *
    from {{ in_scope(model, scope_column) }} as audited
    where ({% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
{% endtest %}
