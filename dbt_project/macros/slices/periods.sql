{#
  First days of the weeks or months that a range of days reaches into, from the period of `first` to the tenant's last
  day. By whole periods on both sides, exactly like the deletion in replace_slices: a day that left the tenant's data
  takes its month's row with it, which has to come back without the day.
#}
{% macro periods(unit, affected, first) -%}
    range(
        greatest(date_trunc('{{ unit }}', {{ affected }}.from_date), date_trunc('{{ unit }}', {{ first }}))::date,
        if({{ first }} <= tenants.data_through, least({{ affected }}.to_date, tenants.data_through), null) + 1,
        interval 1 {{ unit }}
    )
{%- endmacro %}
