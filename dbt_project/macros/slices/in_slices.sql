{#
  The rows of a relation that lie in `slices` (a relation of tenant_id, from_date, to_date), as a subquery. `column`: the
  relation's date; without it a slice is a whole tenant.

  Ranges and tenants are written out as literals, one scan for each distinct range, because Delta skips files and DuckDB
  skips blocks by constants only, and by constants that hold for a whole scan: a day more must not read the days before
  it. By a condition alone a test over silver read all of history, and one late event 200 days back made every test read
  the 200 days of all tenants. The ranges of a tenant are merged first, so no row comes twice.

  `commands`: dbt's commands in which the slices stand in the database; elsewhere, and where there are too many ranges,
  they are joined. A unit test is one of the others, because its slices are given.
#}
{% macro in_slices(relation, slices, column=none, commands=['run', 'build']) -%}
    {%- set groups = slice_groups(slices, column) if execute and flags.WHICH in commands else [] -%}
    {%- if 0 < groups | length <= 24 -%}
    (
        {%- for group in groups %}
        select * from {{ relation }}
        where tenant_id {{ 'in (' ~ group[2] ~ ')' if ',' in group[2] else '= ' ~ group[2] }}
        {%- if column %}
            and {{ column }} >= date '{{ group[0] }}' and {{ column }} <= date '{{ group[1] }}'
        {%- endif %}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    )
    {%- else -%}
    (
        select * from {{ relation }} as sliced
        where exists (
            select 1
            from {{ slices }} as slices
            where slices.tenant_id = sliced.tenant_id
            {%- if column %} and sliced.{{ column }} between slices.from_date and slices.to_date{% endif %}
        )
        {%- if column and groups %} and {{ column }} >= date '{{ groups[0][0] }}'{% endif %}
    )
    {%- endif -%}
{%- endmacro %}

{# (first day, last day, tenants as literals) of slices, tenants of the same range together; whole tenants: no days. #}
{% macro slice_groups(slices, column) -%}
    {%- set listed = "string_agg(distinct format('''{}''', tenant_id), ', ' order by format('''{}''', tenant_id))" -%}
    {%- set whole = "select null, null, " ~ listed ~ " from " ~ slices ~ " having count(*) > 0" -%}
    {%- set merged -%}
        select from_date, to_date, {{ listed }}
        from ({{ islands(slices) }}) as ranges
        group by 1, 2
        order by 1, 2
    {%- endset -%}
    {{ return(run_query(merged if column else whole).rows) }}
{%- endmacro %}
