-- Lets a request see how far the projections are: no tenant's data.
grant select on shared.inbox_offset to {{service_role}};
