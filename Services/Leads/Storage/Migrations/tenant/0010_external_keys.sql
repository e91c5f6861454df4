select shared.number_once('{{schema}}', array['leads']);
