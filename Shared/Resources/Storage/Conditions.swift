import Entities
import Foundation
import JSON
import Postgres
import Values

/// A checked filter as an SQL condition over a table of ``Table``'s shape.
extension Filter {
    public var condition: SQL {
        switch self {
        case .all(let parts) where parts.isEmpty: "true"
        case .any(let parts) where parts.isEmpty: "false"
        case .all(let parts): "(\(parts.map(\.condition).joined(separator: " and ")))"
        case .any(let parts): "(\(parts.map(\.condition).joined(separator: " or ")))"
        case .not(let part): "not coalesce(\(part.condition), false)"
        case .field(let field, let comparison): field.condition(comparison)
        }
    }
}

extension FieldReference {
    /// The value as an SQL expression, typed. Of money it is the minor units.
    var expression: SQL {
        guard isCustom else {
            if case .money = definition.type { return "\(ident: definition.columns[0])" }
            return "\(ident: definition.column)"
        }
        let member: SQL = "custom ->> \(definition.name)"
        switch definition.type {
        case .integer: return "(\(member))::bigint"
        case .decimal: return "(\(member))::double precision"
        case .boolean: return "(\(member))::boolean"
        case .date: return "(\(member))::date"
        case .timestamp: return "(\(member))::timestamptz"
        case .money: return "(custom -> \(definition.name) ->> 'amount')::numeric"
        default: return "(\(member))"
        }
    }

    /// The value as lists are ordered by it. Text is ordered as people look it up: Chinese by pinyin, Latin letters behind
    /// it, whatever their case. Only texts of the same bytes are equal, so that no place between two pages is ambiguous.
    /// Identities (codes, external ids) are compared as they are.
    var ordered: SQL {
        let isIdentity =
            definition.traits.contains(.unique) && !definition.traits.isDisjoint(with: [.readOnly, .createOnly])
        switch definition.type {
        case .string, .text: return isIdentity ? expression : "\(expression) collate \"zh-x-icu\""
        default: return expression
        }
    }

    private var isList: Bool {
        if case .list = definition.type { true } else { false }
    }

    fileprivate func condition(_ comparison: Comparison) -> SQL {
        switch comparison {
        case .isNull(true): "\(expression) is null"
        case .isNull(false): "\(expression) is not null"
        case .oneOf(let values): equals(values)
        case .contains(let text): like("%\(Self.escaped(text))%")
        case .startsWith(let text): like("\(Self.escaped(text))%")
        case .any(let parts): "(\(parts.map { condition($0) }.joined(separator: " or ")))"
        case .not(let part): "(\(condition(part))) is not true"
        case .range(let lower, let upper):
            [
                lower.map { bound($0, $0.isInclusive ? ">=" : ">") },
                upper.map { bound($0, $0.isInclusive ? "<=" : "<") },
            ]
            .compactMap(\.self).joined(separator: " and ")
        }
    }

    private func equals(_ values: [FieldValue]) -> SQL {
        if isList {
            let holder: SQL = isCustom ? "custom -> \(definition.name)" : expression
            return "(\(values.map { "\(holder) @> \(JSON.array([$0.json]))" as SQL }.joined(separator: " or ")))"
        }
        if case .money = definition.type {
            return "(\(values.map { moneyCondition($0, "=") }.joined(separator: " or ")))"
        }
        if values.count == 1 { return "\(expression) = \(definition.type.bind(values[0]))" }
        return "\(expression) in (\(values.map { definition.type.bind($0) }.joined(separator: ", ")))"
    }

    private func bound(_ bound: Bound, _ sign: String) -> SQL {
        if case .money = definition.type { return moneyCondition(bound.value, sign) }
        return "\(ordered) \(raw: sign) \(definition.type.bind(bound.value))"
    }

    private func moneyCondition(_ value: FieldValue, _ sign: String) -> SQL {
        guard case .money(let money) = value else { return "false" }
        if isCustom {
            return """
                (custom -> \(definition.name) ->> 'currency' = \(money.currency.code) \
                and \(expression) \(raw: sign) \(money.amount)::text::numeric)
                """
        }
        return """
            (\(ident: definition.columns[1]) = \(money.currency.code) \
            and \(expression) \(raw: sign) \(money.minorUnits))
            """
    }

    private func like(_ pattern: String) -> SQL {
        if isList {
            let holder: SQL = isCustom ? "custom -> \(definition.name)" : expression
            return """
                exists (select from jsonb_array_elements_text(\(holder)) as element \
                where lower(element) like lower(\(pattern)))
                """
        }
        return "lower(\(expression)) like lower(\(pattern))"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
    }
}
