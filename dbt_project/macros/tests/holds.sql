{# Every row fulfils a condition; null counts as a failure, so write the condition null-safe. Failing rows name their tenant. #}
{% test holds(model, condition, scope_column=none) %}
    select *
    from {{ in_scope(model, scope_column) }} as audited
    where ({{ condition }}) is not true
{% endtest %}
