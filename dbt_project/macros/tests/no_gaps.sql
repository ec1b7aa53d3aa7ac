{# Between the first and the last row of `keys` no day, week or month is missing. Failing rows name their tenant. #}
{% test no_gaps(model, keys, column, unit='day') %}
    select {{ keys | join(', ') }}, count(*) as periods
    from {{ in_scope(model) }} as audited
    group by {{ keys | join(', ') }}
    having count(*) <> date_diff('{{ unit }}', min({{ column }}), max({{ column }})) + 1
{% endtest %}
