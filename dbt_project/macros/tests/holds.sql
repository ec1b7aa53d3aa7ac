{# Every row fulfils a condition; null counts as a failure, so write the condition null-safe. Failing rows name their tenant. #}
{% test holds(model, condition, scope_column=none) %}
    select *
    from {{ model }} as audited
    where {{ in_scope('audited', scope_column) }} and ({{ condition }}) is not true
{% endtest %}
