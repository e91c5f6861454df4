-- What waits to be put into an index of trigrams is put there by the write that fills the list: 256 kB take it 10 ms, the
-- usual 4 MB 150.
alter index {{schema}}.accounts_search_idx set (gin_pending_list_limit = 256);
alter index {{schema}}.contacts_search_idx set (gin_pending_list_limit = 256);
