import Foundation
import JSON
import ServiceKit

extension JSON {
    /// As a cell for people: money with its currency, times to the second, numbers as they are, nothing as a hyphen.
    var cell: String {
        switch self {
        case .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): Self.time(value) ?? value
        case .array(let values): values.isEmpty ? "-" : values.map(\.cell).joined(separator: ", ")
        case .object(let object):
            if let amount = object["amount"], let currency = object["currency"] {
                "\(amount.cell) \(currency.cell)"
            } else {
                description
            }
        }
    }

    /// `2026-11-25T18:32:03.377Z` → `2026-11-25 18:32:03Z`
    private static func time(_ text: String) -> String? {
        guard let match = text.wholeMatch(of: /(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z/) else { return nil }
        return "\(match.1) \(match.2)Z"
    }

    /// A ratio as a percentage: `0.4286` → `42.86 %`.
    var percentage: String {
        switch self {
        case .double(let value): String(format: "%.2f %%", value * 100)
        case .int(let value): "\(value * 100).00 %"
        default: cell
        }
    }

    /// Whether a column of such values is straight on the right.
    var isFigure: Bool {
        switch self {
        case .int, .double: true
        case .object(let object): object["amount"] != nil
        default: false
        }
    }

    func cell(_ name: String) -> String { self[name]?.cell ?? "-" }
}

extension Table {
    /// A table of objects: a column for each of `columns`, named by its title.
    ///
    /// - Parameter percentages: members whose values are ratios.
    static func of(
        _ items: [JSON], _ columns: [(title: String, member: String)], percentages: Set<String> = [], none: String
    ) -> String {
        guard !items.isEmpty else { return none + "\n" }
        var table = Table(
            columns.map { column in
                let values = items.compactMap { $0[column.member] }.filter { !$0.isNull }
                let isFigure = !values.isEmpty && values.allSatisfy(\.isFigure)
                return (title: column.title, alignment: isFigure ? .right : .left)
            })
        for item in items {
            table.add(
                columns.map { column in
                    percentages.contains(column.member)
                        ? (item[column.member] ?? .null).percentage : item.cell(column.member)
                })
        }
        return table.text
    }
}
