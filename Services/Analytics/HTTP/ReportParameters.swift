import Contracts
import HTTP
import JSON
import Values

extension ReportQuery {
    /// Reads a question's parameters.
    init(_ subject: Subject, _ query: Query, currency: Currency = .cny) throws {
        self.init(subject)
        do {
            dimensions = try Dimension.parse(try query.list("groupBy"), subject)
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

/// As the API describes them.
extension ReportQuery {
    private static let date: JSON = ["type": "string", "format": "date"]
    static let waitFor = Parameter.query(
        "waitFor", "A write's X-Guanxi-Position, several separated by commas: waits until it is counted, at most 5 s.")

    static func parameters(_ subject: Subject) -> [Parameter] {
        let words = Dimension.known(to: subject).map(\.rawValue).joined(separator: ", ")
        return [
            .query(
                "groupBy",
                "One or two of \(words), separated by a comma. A group whose key is no name itself, as a stage's, has its "
                    + "`name` (and `name2`) in the caller's language."),
            .query("from", "First day, in the tenant's time zone.", schema: date),
            .query("to", "Last day, inclusive.", schema: date),
            .query("asOf", "The day at whose end things are looked at; now when missing.", schema: date),
        ] + (subject == .opportunities ? [worth] : []) + (subject == .customers ? lifecycle + quadrants : []) + [
            waitFor
        ]
    }

    private static let worth = Parameter.query(
        "amountFrom", "Only opportunities of at least this amount, in the tenant's currency: the key ones.")

    static let stableFromOrder = threshold("stableFromOrder", "The order that makes a customer stable", 2...10_000)

    private static var lifecycle: [Parameter] {
        [
            stableFromOrder, threshold("atRiskAfterDays", "Days of silence", 1...36_500),
            threshold("lostAfterDays", "Days of silence", 2...36_500),
        ]
    }

    private static let quadrants: [Parameter] = [
        .query("windowDays", "Quadrants look at the orders of so many days.", 1...36_500, default: 365),
        .query(
            "ordersFrom", "From how many orders somebody buys often; the mean of the buyers when missing.",
            schema: ["type": "integer", "minimum": 1]),
        .query(
            "averageFrom", "From which average order somebody buys much; the mean order when missing.",
            schema: ["type": "string"]),
    ]

    private static func threshold(_ name: String, _ description: String, _ range: ClosedRange<Int64>) -> Parameter {
        .query(
            name, "\(description); the tenant's lifecycle policy says it when missing.",
            schema: ["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)])
    }
}

extension ReportGroup {
    /// Reads which group is meant: a key and an id for each dimension.
    init(_ dimensions: [Dimension], _ query: Query) throws {
        self.init(
            try zip(Self.suffixes, dimensions).map { suffix, dimension in
                GroupKey(
                    dimension: dimension, name: try query.string("key\(suffix)"),
                    id: try query.string("id\(suffix)"))
            })
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
