import Opportunities
import ServiceKit

await OpportunitiesService.program.main()
