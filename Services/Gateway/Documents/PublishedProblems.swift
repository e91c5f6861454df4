import HTTP
import ServiceKit

extension ProblemType {
    /// Every problem that a client of the platform may meet: `docs/errors.md` and `/docs/errors` are made from it.
    public static let published: [ProblemType] = common + [tenantSuspended, invalidCredentials]
}
