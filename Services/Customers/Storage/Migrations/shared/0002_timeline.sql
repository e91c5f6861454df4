-- Lets a request see how far the timeline is: no tenant's data.
grant select on shared.inbox_offset, shared.inbox_sequence to {{service_role}};
