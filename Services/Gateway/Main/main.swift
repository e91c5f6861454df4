import Gateway
import ServiceKit

await GatewayService.program.main()
