import Contracts
import HTTP
import Values

extension ReportQuery {
    /// Reads a question's parameters.
    init(_ subject: Subject, _ query: Query, currency: Currency = .cny) throws {
        self.init(subject)
        do {
            dimensions = try Self.dimensions(try query.list("groupBy"), subject)
            (from, to, asOf) = (try query.date("from"), try query.date("to"), try query.date("asOf"))
            thresholds = GivenThresholds(
                stableFromOrder: try query.int("stableFromOrder", 2...10_000),
                atRiskAfterDays: try query.int("atRiskAfterDays", 1...36_500),
                lostAfterDays: try query.int("lostAfterDays", 2...36_500))
            quadrants = QuadrantQuestion(
                windowDays: try query.int("windowDays", 1...36_500, default: QuadrantQuestion().windowDays),
                ordersFrom: try query.int("ordersFrom", 1...1_000_000),
                averageFrom: try query.amount("averageFrom", currency))
            amountFrom = try query.amount("amountFrom", currency)
            try validate()
        } catch let refusal as Refusal {
            throw Problem.parameter(refusal)
        }
    }
}

extension Query {
    /// A decimal amount of the tenant's currency.
    func amount(_ name: String, _ currency: Currency) throws -> Money? {
        guard let text = try string(name) else { return nil }
        do {
            return try Money(amount: text, currency: currency)
        } catch {
            throw Problem.parameter(name, code: error.code, .init(en: error.english, zh: error.chinese))
        }
    }
}

extension Problem {
    /// A refusal of a question: its path names the parameter.
    static func parameter(_ refusal: Refusal) -> Problem {
        .parameter(
            String(refusal.path.drop { $0 == "/" }), code: refusal.code, .init(en: refusal.english, zh: refusal.chinese)
        )
    }
}
