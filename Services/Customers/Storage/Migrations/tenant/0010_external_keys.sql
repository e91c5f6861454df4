select shared.number_once('{{schema}}', array['accounts', 'contacts', 'orders']);
