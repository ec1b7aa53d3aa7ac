-- Ranges of dates whose silver rows moved. By hand (`dbt build --full-refresh`) everything has.
{% if flags.FULL_REFRESH %}
    select tenant_id, date '1900-01-01' as from_date, date '2999-12-31' as to_date
    from {{ source('control', 'settings') }}
{% else %}
    select tenant_id, from_date, to_date
    from {{ source('control', 'touched') }}
{% endif %}
