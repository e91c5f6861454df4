import Customers
