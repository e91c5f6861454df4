import Entities
import Foundation
import Tenancy
import Values

extension Tenant {
    /// What text from queries and tables needs to become values of this tenant.
    public var textContext: TextContext {
        get throws(ValueError) { TextContext(timeZone: zone, currency: try Currency(code: currency)) }
    }

    /// Where the tenant's days begin.
    public var zone: TimeZone { TimeZone(identifier: timeZone) ?? .gmt }
}
