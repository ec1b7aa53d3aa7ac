{#
  Rows of silver in the touched slices, as a subquery. Ranges and tenants are written out as literals, one scan for each
  distinct range, because Delta skips files by constants only: a day more must not read the days before it. The ranges
  of a tenant do not overlap (orchestration/gold/control.py), so no row comes twice.
#}
{% macro touched_rows(relation, column) -%}
    {%- set groups = [] -%}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {%- set groups = run_query(
            "select from_date, to_date, string_agg(format('''{}''', tenant_id), ', ' order by tenant_id) as tenants "
            ~ "from " ~ ref('int_touched') ~ " group by 1, 2 order by 1, 2"
        ).rows -%}
    {%- endif -%}
    {%- if 0 < groups | length <= 24 -%}
    (
        {%- for group in groups %}
        select * from {{ relation }}
        where {{ column }} >= date '{{ group[0] }}' and {{ column }} <= date '{{ group[1] }}'
            and tenant_id {{ 'in (' ~ group[2] ~ ')' if ',' in group[2] else '= ' ~ group[2] }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as touched_rows
    {%- else -%}
    (
        select * from {{ relation }} as silver
        where exists (
            select 1
            from {{ ref('int_touched') }} as touched
            where touched.tenant_id = silver.tenant_id
                and silver.{{ column }} between touched.from_date and touched.to_date
        )
        {%- if groups %} and {{ column }} >= date '{{ groups[0][0] }}'{% endif %}
    ) as touched_rows
    {%- endif -%}
{%- endmacro %}
