{#
  Steps of a count of distinct `entity` over the trailing `days` days, per tenant, slice and `keys`.

  `rows` holds one row per entity and active day (tenant_id, slice, `keys`, entity, date). A day keeps its entity in the
  window until `days` later or until the next active day takes over, so the spells of one entity never overlap and the
  sum of the steps up to a date is the distinct count, without expanding every day thirty times. Steps before the slice
  fall on its first day.
#}
{% macro distinct_steps(rows, keys, entity, days) %}
    select
        tenant_id, slice, {% for key in keys %}{{ key }}, {% endfor %}
        unnest([greatest(date, slice), until + 1]) as date,
        unnest([1, -1]) as step
    from (
        select
            *,
            least(
                date + {{ days - 1 }},
                lead(date) over (
                    partition by tenant_id, slice, {% for key in keys %}{{ key }}, {% endfor %}{{ entity }} order by date
                ) - 1
            ) as until
        from {{ rows }}
    ) as spells
    where until >= slice
{% endmacro %}

{# Steps of the sum of `amount` over `days` days that end `lag` days before the date. #}
{% macro sum_steps(rows, keys, amount, days, lag=0) %}
    select
        tenant_id, slice, {% for key in keys %}{{ key }}, {% endfor %}
        unnest([greatest(date + {{ lag }}, slice), greatest(date + {{ lag + days }}, slice)]) as date,
        unnest([{{ amount }}, -{{ amount }}]) as step
    from {{ rows }}
{% endmacro %}
