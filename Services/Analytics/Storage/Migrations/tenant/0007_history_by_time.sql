-- What came after a day that is past: events come nearly in the order of their time.
create index on {{schema}}.event_history using brin (time) with (autosummarize = on);
