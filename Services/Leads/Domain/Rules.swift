import Entities
import JSON
import Values

extension Lead {
    /// A rule's condition on leads; nil holds always.
    static func condition(
        _ json: JSON?, custom: CustomFields, context: TextContext
    ) throws(ValidationFailure) -> Filter {
        guard let json, !json.isNull else { return .everything }
        return try catalogue.schema.condition(json, custom: custom, context: context, at: "/when")
    }
}

extension Filter {
    /// The condition as people read it: `region = 浙江 | 上海, not (employees < 50)`.
    var summary: String {
        switch self {
        case .all(let parts): parts.isEmpty ? "always" : parts.map(\.summary).joined(separator: ", ")
        case .any(let parts): "(" + parts.map(\.summary).joined(separator: " or ") + ")"
        case .not(let part): "not (\(part.summary))"
        case .field(let field, let comparison): "\(field.name) \(comparison.summary)"
        }
    }
}

extension Comparison {
    fileprivate var summary: String {
        switch self {
        case .oneOf(let values): "= " + values.map(\.plain).joined(separator: " | ")
        case .not(.oneOf(let values)): "≠ " + values.map(\.plain).joined(separator: " | ")
        case .contains(let text): "contains \(text)"
        case .startsWith(let text): "starts with \(text)"
        case .any(let parts): "(" + parts.map(\.summary).joined(separator: " or ") + ")"
        case .not(let part): "not (\(part.summary))"
        case .isNull(let isNull): isNull ? "is empty" : "is given"
        case .range(let lower, let upper):
            [
                lower.map { ($0.isInclusive ? "≥ " : "> ") + $0.value.plain },
                upper.map { ($0.isInclusive ? "≤ " : "< ") + $0.value.plain },
            ].compactMap(\.self).joined(separator: " and ")
        }
    }
}

extension FieldValue {
    fileprivate var plain: String {
        switch self {
        case .string(let text): text
        case .money(let money): money.description
        case .date(let date): date.description
        case .timestamp(let time): time.description
        default: json.description
        }
    }
}
