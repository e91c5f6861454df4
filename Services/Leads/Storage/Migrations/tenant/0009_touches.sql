-- What another system told of a lead that had a number of its own is found by the touch.
create index on {{schema}}.touches (external_id, external_system) where external_id is not null;
