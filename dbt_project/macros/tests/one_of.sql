{# A column holds one of the accepted values, or null. Failing rows name their tenant. #}
{% test one_of(model, column, values, scope_column=none) %}
    select *
    from {{ in_scope(model, scope_column) }} as audited
    where {{ column }} not in ({% for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
