-- Each event was written to two indexes; rebuilding, which alone used this one, does as well with the key.
drop index {{schema}}.event_history_aggregate_aggregate_id_sequence_idx;
