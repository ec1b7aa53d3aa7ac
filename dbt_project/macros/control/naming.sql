{# Schemas are staging, intermediate and marts as they stand: no prefix of the target, because one database is one shard. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
