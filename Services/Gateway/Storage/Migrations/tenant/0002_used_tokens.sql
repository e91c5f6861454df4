-- Digests of refresh tokens that were exchanged, the latest first: one of them coming again is in two hands.
alter table {{schema}}.sessions add column used_hashes bytea[] not null default '{}';
