{# One row per key: the failing rows are the keys that stand more than once. Failing rows name their tenant. #}
{% test unique_key(model, columns, scope_column=none) %}
    select {{ columns | join(', ') }}, count(*) as copies
    from {{ in_scope(model, scope_column) }} as audited
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
