import Entities
import Foundation
import JSON
import Postgres
import Values

/// The order of a list: the sort keys, then the id, so that no two rows are equal.
///
/// Pages go by key (never by offset): the next page begins behind the last row's values, whatever was inserted or
/// deleted meanwhile.
struct Ordering: Sendable {
    struct Key: Sendable {
        let field: FieldReference
        let isDescending: Bool
        var isNullable: Bool { field.isCustom || field.definition.isNullable }
    }

    let keys: [Key]

    /// - Parameter sort: as asked; newest first when nothing was.
    init<Record: Aggregate>(_ sort: [Sort], entity: Entity<Record>) {
        var keys = sort.map { Key(field: $0.field, isDescending: $0.isDescending) }
        if keys.isEmpty, let created = entity.schema.reference("createdAt") {
            keys = [Key(field: created, isDescending: true)]
        }
        if let id = entity.schema.reference("id"), !keys.contains(where: { $0.field == id }) {
            keys.append(Key(field: id, isDescending: keys.last?.isDescending ?? false))
        }
        self.keys = keys
    }

    /// `created_at desc, id desc`; NULLs where PostgreSQL's indexes have them.
    var clause: SQL {
        keys.map { "\($0.field.ordered)\(raw: $0.isDescending ? " desc" : "")" as SQL }.joined(separator: ", ")
    }

    /// The values that say where a row stands.
    func position<Record: Aggregate>(of record: Record) -> [FieldValue] {
        keys.map { key in
            let value = Record.catalogue.value(of: key.field, in: record)
            if case .money(let money) = value {
                return key.field.isCustom ? .string(money.amount) : .int(money.minorUnits)
            }
            return value
        }
    }

    /// Rows behind a position, in parts that follow one another in the order: each is a range of an index, which the whole
    /// is not where NULLs have their place at one end.
    func after(_ position: [FieldValue]) -> [SQL] {
        let directions = Set(keys.map(\.isDescending))
        guard directions.count == 1, let first = keys.first, let value = position.first,
            !keys.dropFirst().contains(where: \.isNullable)
        else { return [after(keys[...], position[...])] }
        let (expression, rest) = (first.field.ordered, after(keys.dropFirst(), position.dropFirst()))
        // NULLs come last in ascending order and first in descending order.
        if value.isNull {
            return ["\(expression) is null and \(rest)"] + (first.isDescending ? ["\(expression) is not null"] : [])
        }
        // One row comparison, which an index answers by itself; none with NULL is true.
        let left = keys.map(\.field.ordered).joined(separator: ", ")
        let right = zip(keys, position).map { $0.bind($1) }.joined(separator: ", ")
        let behind: SQL = "(\(left)) \(raw: first.isDescending ? "<" : ">") (\(right))"
        return [behind] + (first.isNullable && !first.isDescending ? ["\(expression) is null"] : [])
    }

    private func after(_ keys: ArraySlice<Key>, _ position: ArraySlice<FieldValue>) -> SQL {
        guard let key = keys.first, let value = position.first else { return "false" }
        let expression = key.field.ordered
        let rest = after(keys.dropFirst(), position.dropFirst())
        // NULLs come last in ascending order and first in descending order.
        if value.isNull {
            let tied: SQL = "(\(expression) is null and \(rest))"
            return key.isDescending ? "(\(expression) is not null or \(tied))" : tied
        }
        let bind = key.bind(value)
        let tied: SQL = "(\(expression) = \(bind) and \(rest))"
        if key.isDescending { return "(\(expression) <= \(bind) and (\(expression) < \(bind) or \(tied)))" }
        if key.isNullable { return "(\(expression) > \(bind) or \(expression) is null or \(tied))" }
        return "(\(expression) >= \(bind) and (\(expression) > \(bind) or \(tied)))"
    }
}

extension Ordering.Key {
    func bind(_ value: FieldValue) -> SQL {
        // Of money the minor units are compared.
        if case .int(let number) = value, case .money = field.definition.type { return "\(number)" }
        // Of a tenant's own there is only the amount as it is written.
        if case .string(let amount) = value, case .money = field.definition.type { return "\(amount)::text::numeric" }
        return field.definition.type.bind(value)
    }

    /// The value as a cursor carries it; times in microseconds, as the API's milliseconds would lose some.
    func encode(_ value: FieldValue) -> JSON {
        if case .timestamp(let time) = value { return .int(time.microseconds) }
        return value.json
    }

    func decode(_ json: JSON) -> FieldValue? {
        switch (field.definition.type, json) {
        case (_, .null): .null
        case (.timestamp, .int(let microseconds)): .timestamp(Timestamp(microseconds: microseconds))
        case (.uuid, .string(let text)), (.reference, .string(let text)):
            UUID(text).map(FieldValue.uuid)
        case (.date, .string(let text)): CalendarDate(text).map(FieldValue.date)
        case (_, .string(let text)): .string(text)
        case (_, .int(let number)): .int(number)
        case (_, .double(let number)): .double(number)
        case (_, .bool(let flag)): .bool(flag)
        default: nil
        }
    }
}
