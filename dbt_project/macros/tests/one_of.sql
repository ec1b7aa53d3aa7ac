{# A column holds one of the accepted values, or null. Failing rows name their tenant. #}
{% test one_of(model, column, values, scope_column=none) %}
    select *
    from {{ model }} as audited
    where {{ in_scope('audited', scope_column) }}
        and {{ column }} not in ({% for value in values %}'{{ value }}'{{ ', ' if not loop.last }}{% endfor %})
{% endtest %}
