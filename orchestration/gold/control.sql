-- Schema `control` of a build database: what this run has to do, and where the last successful run stood.
--
-- Written by control.py before dbt starts; the tables of the first part also by dbt's hook at the end of a run that
-- succeeded (dbt_project/macros/control/record_success.sql), in one transaction. Copies of what was published are made by
-- history.py.
-- The comment above a table is what dbt says of it (dbt_project/models/sources/control.yml).

-- ## Kept from run to run ###########################################################################################
-- `create table if not exists`, here and in every home: a column more needs a new name, or a build database made anew.

-- One row. The definition that the tables of the last successful run were built by; null before the first one.
create table if not exists control.state (definition varchar);

-- One row per silver table. The version that the last successful run has built from.
create table if not exists control.consumed (address varchar, version bigint);

-- One row per tenant. Fingerprint of the policy values that its tables were built by.
create table if not exists control.consumed_settings (tenant_id varchar, fingerprint varchar);

-- One row per tenant. First event and end of data at the last successful run.
create table if not exists control.seen_tenants (tenant_id varchar, first_event_date date, data_through date);

-- One row per tenant and feature. First use as of the last successful run.
create table if not exists control.seen_features (tenant_id varchar, feature varchar, first_used_date date);

-- One row per tenant and account. First event and first day as of the last successful run.
create table if not exists control.seen_accounts (
    tenant_id varchar, account_id varchar, first_event_date date, start_date date
);

-- One row per tenant, account and spell of seats as of the last successful run.
create table if not exists control.seen_seats (
    tenant_id varchar, account_id varchar, from_date date, to_date date, licensed_seats bigint
);

-- One row per account, currency and stretch of days of fct_mrr_daily as of the last successful run.
create table if not exists control.seen_mrr_days (
    tenant_id varchar, account_id varchar, currency varchar, from_date date, to_date date, mrr_minor bigint,
    mrr_reporting_minor bigint
);

-- One row per run, tenant and range of days that the run has built and no publication holds yet. `scope` is the model
-- that names the slices; the range is null where they are whole tenants. Publishing replaces them in gold Delta.
create table if not exists control.changes (
    run bigint, tenant_id varchar, scope varchar, from_date date, to_date date
);

-- One row per tenant and range of dates that the tests look at.
create table if not exists control.audit_scope (tenant_id varchar, from_date date, to_date date);

-- ## Of this run alone ##############################################################################################
-- `create or replace`, when the run is prepared.

-- One row. The run that is made now, and the definition of its models.
create or replace table control.run (run bigint, definition varchar, has_revenue boolean);

-- One row per silver table. The version that this run reads, by views in the schemas silver_<domain>.
create or replace table control.versions (address varchar, version bigint);

-- One row per tenant of the shard. Policy values and settings (warehouse_models/policies, tenant catalog).
create or replace table control.settings (
    tenant_id varchar, trend_min_events bigint, reporting_currency varchar, fingerprint varchar
);

-- One row per tenant and feature that the tenant's tracking plan names.
create or replace table control.plan_features (tenant_id varchar, feature varchar);

-- One row per tenant, policy profile and step to it from the tenant's own. The values of METRICS §2 as numbers
-- (warehouse_models/policies/revenue.py).
create or replace table control.revenue_profiles (
    tenant_id varchar, profile varchar, step bigint, policy varchar, {revenue_values}
);

-- One row per ISO 4217 currency with a minor unit.
create or replace table control.currencies (code varchar, name varchar, digits bigint);

-- One row per tenant and range of dates whose silver rows moved since the last successful run.
create or replace table control.touched (tenant_id varchar, from_date date, to_date date);

-- One row per tenant of which any silver table moved since the last successful run.
create or replace table control.touched_tenants (tenant_id varchar);

-- One row per tenant whose billing records or policies moved since the last successful run.
create or replace table control.touched_revenue (tenant_id varchar);

-- One row per tenant. State of the tenant's publication before this run.
create or replace table control.publications (
    tenant_id varchar, published_version bigint, published_at timestamptz, checks_failed bigint, is_held boolean,
    held_reason varchar, event_lag_seconds bigint
);

-- One row per tenant and range of dates that the tests look at besides what this run builds.
create or replace table control.audit_extra (tenant_id varchar, from_date date, to_date date);
