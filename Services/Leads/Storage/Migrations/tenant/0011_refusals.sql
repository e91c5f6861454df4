-- Why a conversion was refused, for readers of both languages; reason is its English text.
alter table {{schema}}.conversions add column refusal jsonb;
