{# Columns that are always known. As a test and not as a constraint, because a constraint names no tenant. Failing rows name their tenant. #}
{% test never_null(model, columns, scope_column=none) %}
    select *
    from {{ model }} as audited
    where {{ in_scope('audited', scope_column) }}
        and ({% for column in columns %}{{ column }} is null{{ ' or ' if not loop.last }}{% endfor %})
{% endtest %}
