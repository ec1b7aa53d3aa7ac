{#
  Ends a successful run, in one transaction: the consumed versions of silver, the state that the next run compares with
  (`seen_*`), what publishing has to replace (`changes`) and what the tests look at (`audit_scope`). A run that stops
  earlier, or that built a part of the models, leaves all of it as it was, so the next one starts from the same marker.
#}
{% macro record_success(results) %}
    {%- if execute and flags.WHICH in ('run', 'build') -%}
        {#- A run in which no billing moved leaves the models of revenue out, and what they would have written. -#}
        {%- set has_revenue = run_query("select has_revenue from control.run").rows[0][0] -%}
        {%- set wanted = [] -%}
        {%- for node in graph.nodes.values()
            if node.resource_type == 'model' and (has_revenue or 'revenue' not in node.tags) -%}
            {%- do wanted.append(node.unique_id) -%}
        {%- endfor -%}
        {%- set done = results | selectattr('status', 'in', ['success'])
            | map(attribute='node.unique_id') | select('in', wanted) | list -%}
        {%- if done | length == wanted | length -%}
            begin transaction;
            {% if has_revenue %}
                delete from control.seen_mrr_days
                where tenant_id in (select tenant_id from intermediate.int_touched_revenue);
                insert into control.seen_mrr_days by name
                select * from intermediate.int_mrr_days
                where tenant_id in (select tenant_id from intermediate.int_touched_revenue);
                insert into control.changes
                select run, tenant_id, 'int_affected_mrr_days', from_date, to_date
                from control.run, intermediate.int_affected_mrr_days
                union all
                select run, tenant_id, 'int_touched_revenue', null, null
                from control.run, intermediate.int_touched_revenue;
            {% endif %}
            {% for seen, model in [
                ('seen_features', 'int_features'), ('seen_accounts', 'int_accounts'), ('seen_seats', 'int_account_seats')
            ] %}
                delete from control.{{ seen }} where tenant_id in (select tenant_id from intermediate.int_touched_tenants);
                insert into control.{{ seen }} by name
                select * from intermediate.{{ model }}
                where tenant_id in (select tenant_id from intermediate.int_touched_tenants);
            {% endfor %}
            delete from control.seen_tenants;
            insert into control.seen_tenants by name
            select tenant_id, first_event_date, data_through from intermediate.int_tenants;

            insert into control.changes
            select run, tenant_id, scope, from_date, to_date
            from control.run, (
                select tenant_id, 'int_touched' as scope, from_date, to_date from intermediate.int_touched
                union all
                select tenant_id, 'int_affected_days', from_date, to_date from intermediate.int_affected_days
                union all
                select tenant_id, 'int_affected_periods', from_date, to_date from intermediate.int_affected_periods
                union all
                select tenant_id, 'int_touched_tenants', null, null from intermediate.int_touched_tenants
            ) as slices;

            delete from control.consumed;
            insert into control.consumed select address, version from control.versions;
            delete from control.consumed_settings;
            insert into control.consumed_settings
            select tenant_id, fingerprint from control.settings;
            update control.state set definition = (select definition from control.run);

            delete from control.audit_scope;
            insert into control.audit_scope
            select tenant_id, from_date, to_date from intermediate.int_affected_days
            {% if has_revenue %}
            union all
            select tenant_id, from_date, to_date from intermediate.int_affected_mrr_days
            {% endif %}
            union all
            select tenant_id, from_date, to_date from control.audit_extra;
            commit;
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
