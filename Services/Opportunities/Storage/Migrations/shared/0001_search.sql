-- Search by parts of names: trigram indexes in tenants' schemas use this operator class.
create extension if not exists pg_trgm with schema shared;
