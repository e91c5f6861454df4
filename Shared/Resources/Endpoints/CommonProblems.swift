import Entities
import HTTP
import Tenancy
import Values

extension Problem {
    /// 422 for something named that is not there.
    public static func unknownReference(
        _ path: String, _ value: String?, kind: (en: String, zh: String, list: String)? = nil
    ) -> Problem {
        .validation([FieldError(.unknownReference(path, value, kind: kind))])
    }
}

extension Tenant {
    /// Refuses an amount in another currency than the tenant's.
    public func checkCurrency(of amount: Money?, at path: String = "/amount/currency") throws(Problem) {
        guard let given = amount?.currency.code, given != currency else { return }
        throw .validation([FieldError(.noExchangeRate(path, for: given, to: currency))])
    }
}

extension PeriodKey {
    /// That of the query parameter `period`; the tenant's quarter when it is missing.
    public init(parameter text: String?, of tenant: Tenant, now: Timestamp) throws(Problem) {
        guard let text else {
            self.init(.quarter, of: now.date(in: tenant.zone))
            return
        }
        guard let period = PeriodKey(text) else {
            let issue = FieldIssue.period("period", code: "format")
            throw .parameter(issue.path, code: issue.code, .init(en: issue.english, zh: issue.chinese))
        }
        self = period
    }
}

extension FieldDefinition {
    /// When something happened; see ``WriteContext/happened(at:)``.
    public static let occurredAt = FieldDefinition(
        "occurredAt", .timestamp, zh: "发生时间", en: "Occurred at",
        help: "When it happened, for facts of the past; needs the permission backdate.")
}
