{#
  Ranges of days (from_date, to_date) merged, as a select: of those of the same `keys` that overlap or touch one remains.
  `also`: aggregates of the rows that were merged. `rows`: a relation, or a subquery in brackets.

  A row that begins after all before it have ended is the start of an island; an island's number is the count of starts.
  The count goes by range, not by rows: of two equal ranges that begin an island the first window marks one, and the
  second may meet the other one first. By rows that one fell into the island before, islands overlapped, and days were
  computed twice.
#}
{% macro islands(rows, keys=['tenant_id'], also=none) -%}
    select {{ keys | join(', ') }}, min(from_date) as from_date, max(to_date) as to_date
        {%- if also %}, {{ also }}{% endif %}
    from (
        select
            *,
            count(*) filter (where is_start) over (
                partition by {{ keys | join(', ') }} order by from_date, to_date range unbounded preceding
            ) as island
        from (
            select
                *,
                from_date > 1 + max(to_date) over (
                    partition by {{ keys | join(', ') }} order by from_date, to_date
                    rows between unbounded preceding and 1 preceding
                ) as is_start
            from {{ rows }}
        ) as marked
    ) as numbered
    group by {{ keys | join(', ') }}, island
{%- endmacro %}
