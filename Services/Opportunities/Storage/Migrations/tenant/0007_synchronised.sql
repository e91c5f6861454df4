-- What changed since the last look, for systems that keep a copy.
create index on {{schema}}.opportunities (updated_at, id);
create index on {{schema}}.contracts (updated_at, id);
-- What came of a lead, what a contact is asked about, what is to be taken up again on a day, the contracts of a customer.
create index on {{schema}}.opportunities (lead_id) where lead_id is not null;
create index on {{schema}}.opportunities (contact_id) where contact_id is not null;
create index on {{schema}}.opportunities (nurture_on) where nurture_on is not null;
create index on {{schema}}.contracts (account_id);
-- By day whatever the status: a filter need not name it.
create index on {{schema}}.opportunities (expected_close_date, id);
create index on {{schema}}.opportunities (close_date, id) where close_date is not null;
-- Last of all: until the commit nobody reads a table whose index is dropped.
drop index {{schema}}.products_external_id_key;
alter index {{schema}}.products_told_key rename to products_external_id_key;
drop index {{schema}}.opportunities_external_id_key;
alter index {{schema}}.opportunities_told_key rename to opportunities_external_id_key;
drop index {{schema}}.contracts_external_id_key;
alter index {{schema}}.contracts_told_key rename to contracts_external_id_key;
drop index {{schema}}.opportunities_expected_close_date_idx;
drop index {{schema}}.opportunities_close_date_idx;
