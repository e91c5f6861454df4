drop index {{schema}}.opportunities_expected_close_date_idx;
drop index {{schema}}.opportunities_close_date_idx;
select shared.number_once('{{schema}}', array['products', 'opportunities', 'contracts']);
