-- On which PostgreSQL server the services have the tenant's data; empty for the one that has the directory.
alter table shared.tenant_records add column server text not null default '';
