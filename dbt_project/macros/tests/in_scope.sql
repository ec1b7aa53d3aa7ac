{#
  The rows a test looks at, as a subquery: those of the slices that the last run replaced, and of the tenants that are
  audited in full (held ones always, everybody in the daily run). A slice that no run has replaced since its last audit
  cannot have broken. `scope_column`: the relation's date column where its rows are replaced by date; without it, whole
  tenants.
#}
{% macro in_scope(relation, scope_column=none) -%}
    {{ in_slices(relation, source('control', 'audit_scope'), scope_column, commands=['test']) }}
{%- endmacro %}
