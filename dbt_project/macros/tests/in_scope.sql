{#
  The rows a test looks at, as a subquery: those of the slices that the last run replaced, and of the tenants that are
  audited in full (held ones always, everybody in the daily run). A slice that no run has replaced since its last audit
  cannot have broken. `scope_column`: the relation's date column where its rows are replaced by date; without it, whole
  tenants.

  Ranges and tenants are written out as literals, one scan for each distinct range, because Delta skips files by constants
  only: by a condition alone a test over silver read all of history, and one late event 200 days back made every test read
  the 200 days of all tenants. The ranges of a tenant are merged first, so no row comes twice.
#}
{% macro in_scope(relation, scope_column=none) -%}
    {%- set groups = scope_groups(scope_column) if execute and flags.WHICH == 'test' else [] -%}
    {%- if 0 < groups | length <= 24 -%}
    (
        {%- for group in groups %}
        select * from {{ relation }}
        where tenant_id {{ 'in (' ~ group[2] ~ ')' if ',' in group[2] else '= ' ~ group[2] }}
        {%- if scope_column %}
            and {{ scope_column }} >= date '{{ group[0] }}' and {{ scope_column }} <= date '{{ group[1] }}'
        {%- endif %}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    )
    {%- else -%}
    (
        select * from {{ relation }} as scoped
        where exists (
            select 1
            from {{ source('control', 'audit_scope') }} as scope
            where scope.tenant_id = scoped.tenant_id
            {%- if scope_column %} and scoped.{{ scope_column }} between scope.from_date and scope.to_date{% endif %}
        )
    )
    {%- endif -%}
{%- endmacro %}

{# (first day, last day, tenants as literals) of the scope, tenants of the same range together. #}
{% macro scope_groups(scope_column) -%}
    {%- set listed = "string_agg(distinct format('''{}''', tenant_id), ', ' order by format('''{}''', tenant_id))" -%}
    {%- set whole -%}
        select null, null, {{ listed }} from {{ source('control', 'audit_scope') }} having count(*) > 0
    {%- endset -%}
    {%- set merged -%}
        select from_date, to_date, {{ listed }}
        from ({{ islands(source('control', 'audit_scope')) }}) as ranges
        group by 1, 2
        order by 1, 2
    {%- endset -%}
    {{ return(run_query(merged if scope_column else whole).rows) }}
{%- endmacro %}
