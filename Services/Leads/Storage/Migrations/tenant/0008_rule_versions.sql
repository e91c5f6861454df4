-- A change of what a new lead is judged by makes what services keep of it out of date.
create trigger rules_change after insert or update or delete on {{schema}}.assignment_rules
    for each statement execute function shared.note_rules();
create trigger rules_change after insert or update or delete on {{schema}}.grade_rules
    for each statement execute function shared.note_rules();
create trigger rules_change after insert or update or delete on {{schema}}.grade_thresholds
    for each statement execute function shared.note_rules();
create trigger rules_change after insert or update or delete on {{schema}}.duplicate_policy
    for each statement execute function shared.note_rules();
create trigger rules_change after insert or update or delete on {{schema}}.users
    for each statement execute function shared.note_rules();
