import Leads
import ServiceKit

await LeadsService.program.main()
