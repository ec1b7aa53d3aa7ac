{# The columns of every row exist in `to` (same names there, or `to_columns`); a null refers to nothing. Failing rows name their tenant. #}
{% test refers_to(model, columns, to, to_columns=none, scope_column=none) %}
    select distinct {{ columns | join(', ') }}
    from {{ in_scope(model, scope_column) }} as audited
    where {% for column in columns %}{{ column }} is not null and {% endfor %}not exists (
        select 1
        from {{ to }} as other
        where {% for column in columns -%}
            other.{{ (to_columns or columns)[loop.index0] }} = audited.{{ column }}{{ ' and ' if not loop.last }}
        {%- endfor %}
    )
{% endtest %}
