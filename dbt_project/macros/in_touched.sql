{#
  Rows of silver in the touched slices. The bounds are written out as literals, one pair per distinct range, because
  Delta skips files by constants only: a day more must not read the days before it.
#}
{% macro in_touched(alias, column) -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {%- set ranges = run_query(
            "select from_date, max(to_date) as to_date from " ~ ref('int_touched') ~ " group by 1 order by 1 limit 400"
        ).rows -%}
        {{ alias }}.{{ column }} >= date '{{ ranges[0][0] if ranges else "2999-12-31" }}' and
    {%- endif %}
    exists (
        select 1
        from {{ ref('int_touched') }} as touched
        where touched.tenant_id = {{ alias }}.tenant_id
            and {{ alias }}.{{ column }} between touched.from_date and touched.to_date
    )
{%- endmacro %}
