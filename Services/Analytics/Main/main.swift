import Analytics
import ServiceKit

await AnalyticsService.program.main()
