{#
  Which rows a test looks at: the slices that the last run replaced, and the tenants that are audited in full (held
  ones always, everybody in the daily run). A slice that no run has replaced since its last audit cannot have broken.
  `scope_column`: the model's date column where its rows are replaced by date; without it, whole tenants.
#}
{% macro in_scope(alias, scope_column=none) -%}
    exists (
        select 1
        from {{ source('control', 'audit_scope') }} as scope
        where scope.tenant_id = {{ alias }}.tenant_id
        {%- if scope_column %} and {{ alias }}.{{ scope_column }} between scope.from_date and scope.to_date{% endif %}
    )
{%- endmacro %}
