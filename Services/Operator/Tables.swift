import JSON
import ServiceKit

extension JSON {
    /// As a cell for people: money with its currency, ratios and numbers as they are, nothing as a hyphen.
    var cell: String {
        switch self {
        case .null: "-"
        case .bool(let value): value ? "yes" : "no"
        case .int(let value): "\(value)"
        case .double(let value): "\(value)"
        case .string(let value): value
        case .array(let values): values.isEmpty ? "-" : values.map(\.cell).joined(separator: ", ")
        case .object(let object):
            if let amount = object["amount"], let currency = object["currency"] {
                "\(amount.cell) \(currency.cell)"
            } else {
                description
            }
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
    static func of(_ items: [JSON], _ columns: [(title: String, member: String)], none: String) -> String {
        guard !items.isEmpty else { return none + "\n" }
        var table = Table(
            columns.map { column in
                let values = items.compactMap { $0[column.member] }.filter { !$0.isNull }
                let isFigure = !values.isEmpty && values.allSatisfy(\.isFigure)
                return (title: column.title, alignment: isFigure ? .right : .left)
            })
        for item in items { table.add(columns.map { item.cell($0.member) }) }
        return table.text
    }
}
