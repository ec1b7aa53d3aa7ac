{# One row per key: the failing rows are the keys that stand more than once. Failing rows name their tenant. #}
{% test unique_key(model, columns, scope_column=none) %}
    select {{ columns | join(', ') }}, count(*) as copies
    from {{ model }} as audited
    where {{ in_scope('audited', scope_column) }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
