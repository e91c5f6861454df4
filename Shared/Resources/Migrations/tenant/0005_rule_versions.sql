-- A change of the tenant's own fields makes what services keep of its rules out of date.
create trigger rules_change after insert or update or delete on {{schema}}.custom_fields
    for each statement execute function shared.note_rules();
