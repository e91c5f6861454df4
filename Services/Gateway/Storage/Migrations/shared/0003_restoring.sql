-- A tenant that is being made of a backup is there for operators to see and to remove, also when that was cut off.
alter table shared.tenant_records drop constraint tenant_records_state_check,
    add constraint tenant_records_state_check
        check (state in ('provisioning', 'restoring', 'active', 'suspended', 'deleting'));
