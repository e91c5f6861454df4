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
-- Who has an object: asked when a conversion is taken back.
create index on {{schema}}.conversions (object_id);
