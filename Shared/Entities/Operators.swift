import Foundation
import JSON
import Values

/// The words of comparisons, the same in lists (`createdAt.gte=…`) and in rules (`"op": "gte"`).
enum Operator: String, CaseIterable {
    case eq, ne, gte, gt, lte, lt, contains, startsWith, isNull

    static let words = allCases.map(\.rawValue).joined(separator: ", ")
}

/// What text from a query or a cell needs besides itself to become a value.
public struct TextContext: Sendable {
    /// Where days begin: a date in place of a time means the tenant's day.
    public let timeZone: TimeZone
    /// The currency of amounts written without one.
    public let currency: Currency

    public init(timeZone: TimeZone, currency: Currency) {
        self.timeZone = timeZone
        self.currency = currency
    }
}

extension FieldReference {
    /// A comparison with values written as text.
    func comparison(
        _ op: Operator, _ texts: [String], at path: JSONPointer, _ context: TextContext
    ) throws(ValidationFailure) -> Comparison {
        switch op {
        case .isNull:
            guard let flag = ["true": true, "false": false][texts.first ?? ""] else {
                throw ValidationFailure([
                    FieldIssue(path, "wrongType", "Write true or false.", zh: "须为 true 或 false。")
                ])
            }
            return .isNull(flag)
        case .contains, .startsWith:
            return try textComparison(op, texts.joined(separator: ","), at: path)
        default:
            if case .timestamp = definition.type, texts.contains(where: { CalendarDate($0) != nil }) {
                return try dayComparison(op, texts, at: path, context)
            }
            var values: [FieldValue] = []
            for text in texts { values.append(try definition.comparable.value(text: text, at: path, context)) }
            return try valueComparison(op, values, at: path)
        }
    }

    func textComparison(_ op: Operator, _ text: String, at path: JSONPointer) throws(ValidationFailure) -> Comparison {
        guard definition.comparable.isText else { throw refused(op, at: path) }
        return op == .contains ? .contains(text) : .startsWith(text)
    }

    func valueComparison(
        _ op: Operator, _ values: [FieldValue], at path: JSONPointer
    ) throws(ValidationFailure) -> Comparison {
        guard !values.contains(.null) else { throw ValidationFailure([.required(path)]) }
        switch op {
        case .eq: return .oneOf(values)
        case .ne: return .not(.oneOf(values))
        default:
            guard [.gte, .gt, .lte, .lt].contains(op), definition.isOrdered, values.count == 1 else {
                throw refused(op, at: path)
            }
            let inclusive = op == .gte || op == .lte
            let bound = Bound(values[0], inclusive: inclusive)
            return op == .gte || op == .gt ? .range(lower: bound, upper: nil) : .range(lower: nil, upper: bound)
        }
    }

    /// A date where times are compared is the whole day of the tenant.
    private func dayComparison(
        _ op: Operator, _ texts: [String], at path: JSONPointer, _ context: TextContext
    ) throws(ValidationFailure) -> Comparison {
        var parts: [Comparison] = []
        for text in texts {
            if let date = CalendarDate(text) {
                parts.append(range(op, date, at: context.timeZone))
            } else {
                parts.append(.oneOf([try definition.comparable.value(text: text, at: path, context)]))
            }
        }
        switch op {
        case .eq: return parts.count == 1 ? parts[0] : .any(parts)
        case .ne: return .not(parts.count == 1 ? parts[0] : .any(parts))
        default:
            guard parts.count == 1 else { throw refused(op, at: path) }
            return parts[0]
        }
    }

    private func range(_ op: Operator, _ date: CalendarDate, at zone: TimeZone) -> Comparison {
        let start = Bound(.timestamp(date.start(in: zone)), inclusive: true)
        let next = FieldValue.timestamp(date.adding(days: 1).start(in: zone))
        return switch op {
        case .gte: .range(lower: start, upper: nil)
        case .gt: .range(lower: Bound(next, inclusive: true), upper: nil)
        case .lt: .range(lower: nil, upper: Bound(start.value, inclusive: false))
        case .lte: .range(lower: nil, upper: Bound(next, inclusive: false))
        default: .range(lower: start, upper: Bound(next, inclusive: false))
        }
    }

    private func refused(_ op: Operator, at path: JSONPointer) -> ValidationFailure {
        ValidationFailure([
            FieldIssue(
                path, "unsupportedOperator",
                "\"\(op.rawValue)\" does not work with one value of type \(definition.type.name).",
                zh: "“\(op.rawValue)”不适用于 \(definition.type.name) 类型的字段或多个值。")
        ])
    }
}

extension FieldDefinition {
    /// The type that single values of a comparison have: of a list its elements'.
    var comparable: FieldType {
        if case .list(let element, _) = type { element } else { type }
    }

    /// Whether ranges make sense.
    var isOrdered: Bool {
        switch type {
        case .integer, .decimal, .money, .date, .timestamp, .string: true
        default: false
        }
    }
}

extension FieldType {
    /// The value written as text in a query or a cell. Bounds are not asked, as a filter may well go beyond them.
    func value(text: String, at path: JSONPointer, _ context: TextContext) throws(ValidationFailure) -> FieldValue {
        switch self {
        case .string, .text, .email, .phone, .url: return .string(text)
        default:
            let json = json(text: text, context)
            guard !json.isNull else { throw ValidationFailure([.required(path)]) }
            return try read(json, at: path, .strict)
        }
    }

    /// The JSON that a cell of a table means; text that cannot be it is left as a string, for `read` to complain about.
    func json(text: String, _ context: TextContext) -> JSON {
        let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard !text.isEmpty else { return .null }
        switch self {
        case .integer: return Int64(text.filter { $0 != "," }).map(JSON.int) ?? .string(text)
        case .decimal:
            return Double(text.filter { $0 != "," }).flatMap { $0.isFinite ? JSON.double($0) : nil } ?? .string(text)
        case .boolean:
            switch text.lowercased() {
            case "true", "yes", "1", "是": return true
            case "false", "no", "0", "否": return false
            default: return .string(text)
            }
        case .money: return FieldType.moneyJSON(text, context.currency)
        case .timestamp:
            return CalendarDate(text).map { $0.start(in: context.timeZone).json } ?? .string(text)
        case .list(let element, _):
            return .array(
                text.split(whereSeparator: { ";；".contains($0) }).map { element.json(text: String($0), context) })
        default: return .string(text)
        }
    }

    /// `1,054.00`, `1054.00 USD`, `USD 1054.00`.
    private static func moneyJSON(_ text: String, _ currency: Currency) -> JSON {
        let parts = text.split(separator: " ").map { $0.filter { $0 != "," } }
        let code = parts.first { $0.count == 3 && $0.allSatisfy(\.isLetter) }
        guard let amount = parts.first(where: { $0 != code }), parts.count <= (code == nil ? 1 : 2) else {
            return .string(text)
        }
        return ["amount": amount.json, "currency": (code ?? currency.code).json]
    }
}
