-- An account's figures are read from the index alone, however many orders it has.
create index orders_figures_idx on {{schema}}.orders (account_id, ordered_on)
    include (id, amount_minor, status, deleted_at);
drop index {{schema}}.orders_account_id_ordered_on_idx;
