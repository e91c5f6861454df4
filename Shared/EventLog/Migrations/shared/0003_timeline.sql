-- Of the server when the cursor was stored: another one means that it went on from an earlier moment.
alter table shared.relay_cursor add column timeline int;
