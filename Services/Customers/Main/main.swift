import Customers
import ServiceKit

await CustomersService.program.main()
