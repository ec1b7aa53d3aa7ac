{#
  Incremental strategy of every model: the rows of its slices are deleted and inserted anew, in one transaction.

  A model selects the full and exact content of its slices, and nothing else, whether it runs over a day or over all
  history: there is no second text for a full refresh. Config (`meta`):
    slices        the model that names the slices: tenant_id, and from_date and to_date where slice_column is given
    slice_column  a DATE column of the model; without it a slice is a tenant
    slice_unit    day (default), week or month: slice_column holds the first day of one
#}
{% macro get_incremental_replace_slices_sql(arg_dict) %}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set meta = config.get('meta') -%}
    {#- Not ref(): the name comes from a config, and every model reads its slices by ref, directly or through staging. -#}
    {%- set slices = api.Relation.create(database=target.database, schema='intermediate', identifier=meta['slices']) -%}
    delete from {{ target }} as target
    using {{ slices }} as slices
    where target.tenant_id = slices.tenant_id
    {%- if meta.get('slice_column') %}
        and target.{{ meta['slice_column'] }} between
            date_trunc('{{ meta.get("slice_unit", "day") }}', slices.from_date)::date and slices.to_date
    {%- endif %};

    insert into {{ target }} ({{ columns }})
    select {{ columns }} from {{ arg_dict['temp_relation'] }};
{% endmacro %}
