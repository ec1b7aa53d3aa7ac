{# Division of two whole numbers, rounded half away from zero (METRICS §2); null where it does not fit 64 bits. #}
{% macro rounded(numerator, denominator) -%}
    try_cast(
        sign({{ numerator }}) * ((2 * abs({{ numerator }}) + {{ denominator }}) // (2 * {{ denominator }})) as bigint
    )
{%- endmacro %}

{# An exact decimal(38,12) as a whole number of 10^-12: DuckDB divides decimals as doubles, and cents would follow. #}
{% macro units(amount) -%}
    replace({{ amount }}::varchar, '.', '')::hugeint
{%- endmacro %}

{# 10^digits as a whole number, for digits up to 8. #}
{% macro power_of_ten(digits) -%}
    (case {{ digits }} {% for n in range(9) %}when {{ n }} then {{ 10 ** n }} {% endfor %}end)::hugeint
{%- endmacro %}

{# MRR x rate (10^-16) as a whole number; null where it is beyond any money: the 128 bits of a sum must hold it. #}
{% macro product(mrr, rate) -%}
    case when abs({{ mrr }}::double * {{ rate }}::double) < 1e36 then {{ mrr }}::hugeint * {{ rate }} end
{%- endmacro %}

{#
  What an account pays in its currencies, in another one: the sum of mrr x rate, rounded once. Null where a rate that is
  needed is missing: a sum that left it out would look like a loss.
#}
{% macro reported(mrr, rate) -%}
    case
        when count(*) filter (where {{ mrr }} <> 0 and ({{ product(mrr, rate) }}) is null) = 0
            then {{ rounded("coalesce(sum(" ~ product(mrr, rate) ~ "), 0)", "10000000000000000::hugeint") }}
    end
{%- endmacro %}

{#
  What became of an account (METRICS §2): `starts_as` where it did not pay before; null: nothing. By currency one that came
  or went while the account pays is no gain and no loss.
#}
{% macro movement(starts_as, paid_before, pays_after, before, after, by_currency=false) -%}
    case
        when not ({{ paid_before }}) then {{ starts_as }}
        when not ({{ pays_after }}) then 'churn'
        {%- if by_currency %}
        when {{ before }} = 0 or {{ after }} = 0 then 'currency_change'
        {%- endif %}
        when {{ after }} > {{ before }} then 'expansion'
        when {{ after }} < {{ before }} then 'contraction'
    end
{%- endmacro %}

{#
  Whole months of a period, or null: n where its start + n months is its end, or its end - n months its start, a day that
  a month lacks being its last one (METRICS §2).
#}
{% macro whole_months(start, end) -%}
    case
        when date_diff('month', {{ start }}, {{ end }}) > 0
            and (
                ({{ start }} + to_months(date_diff('month', {{ start }}, {{ end }})::integer))::date = {{ end }}
                or ({{ end }} - to_months(date_diff('month', {{ start }}, {{ end }})::integer))::date = {{ start }}
            )
            then date_diff('month', {{ start }}, {{ end }})
    end
{%- endmacro %}
