-- A tenant without a number has no triggers yet, and what is kept of its rules is read again each second. With one that is
-- new it is right also after a move, which brings the rules without a trigger's notice.
select shared.renew_rule_version(substring('{{schema}}' from 3));
