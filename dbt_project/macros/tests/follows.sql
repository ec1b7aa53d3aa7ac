{# Each row opens with what the row before it, of the same keys, closed with. Failing rows name their tenant. #}
{% test follows(model, keys, column, opening, closing) %}
    select *
    from (
        select
            {{ keys | join(', ') }}, {{ column }}, {{ opening }},
            lag({{ closing }}) over (partition by {{ keys | join(', ') }} order by {{ column }}) as closed_with
        from {{ in_scope(model) }} as audited
    )
    where {{ opening }} is distinct from coalesce(closed_with, 0)
{% endtest %}
