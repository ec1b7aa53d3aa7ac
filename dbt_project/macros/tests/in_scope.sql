{#
  Which rows a test looks at: the slices that the last run replaced, and the tenants that are audited in full (held
  ones always, everybody in the daily run). A slice that no run has replaced since its last audit cannot have broken.
  `scope_column`: the model's date column where its rows are replaced by date; without it, whole tenants.

  Tenants and the outermost dates are written out as literals too, because Delta skips files by constants only: by the
  condition alone a test over silver read all of history, and a small run cost more with each day of it.
#}
{% macro in_scope(alias, scope_column=none) -%}
    {{ scope_bounds(alias, scope_column) }}exists (
        select 1
        from {{ source('control', 'audit_scope') }} as scope
        where scope.tenant_id = {{ alias }}.tenant_id
        {%- if scope_column %} and {{ alias }}.{{ scope_column }} between scope.from_date and scope.to_date{% endif %}
    )
{%- endmacro %}

{% macro scope_bounds(alias, scope_column) -%}
    {%- if execute and flags.WHICH == 'test' -%}
        {%- set scope = run_query(
            "select count(distinct tenant_id), string_agg(distinct format('''{}''', tenant_id), ', '), "
            ~ "min(from_date), max(to_date) from " ~ source('control', 'audit_scope')
        ).rows[0] -%}
        {%- if scope[0] == 1 -%} {{ alias }}.tenant_id = {{ scope[1] }} and {% endif -%}
        {%- if 1 < scope[0] <= 24 -%} {{ alias }}.tenant_id in ({{ scope[1] }}) and {% endif -%}
        {%- if scope[0] and scope_column -%}
            {{ alias }}.{{ scope_column }} >= date '{{ scope[2] }}' and {{ alias }}.{{ scope_column }} <= date '{{ scope[3] }}' and {% endif -%}
    {%- endif -%}
{%- endmacro %}
