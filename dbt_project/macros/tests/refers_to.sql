{# The columns of every row exist in `to` (same names there, or `to_columns`); a null refers to nothing. Failing rows name their tenant. #}
{% test refers_to(model, columns, to, to_columns=none, scope_column=none) %}
    select distinct {{ columns | join(', ') }}
    from {{ model }} as audited
    where {{ in_scope('audited', scope_column) }}
        {% for column in columns %}and {{ column }} is not null {% endfor %}
        and not exists (
            select 1
            from {{ to }} as other
            where {% for column in columns -%}
                other.{{ (to_columns or columns)[loop.index0] }} = audited.{{ column }}{{ ' and ' if not loop.last }}
            {%- endfor %}
        )
{% endtest %}
