-- Which word is whose: see the table canary of each tenant. Only the owner reads it.
create table shared.canaries (
    tenant text primary key references shared.tenants on delete cascade deferrable initially deferred,
    word text not null unique
);
