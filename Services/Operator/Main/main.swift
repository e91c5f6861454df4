import Operator
import ServiceKit

await Operator.tool.main()
