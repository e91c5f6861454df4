import Entities
import Foundation
import JSON
import Postgres
import Values

extension FieldType {
    /// The value as a parameter of the type of this field's column. Money has two columns: see ``FieldDefinition/binds(_:)``.
    func bind(_ value: FieldValue) -> SQL {
        switch (self, value) {
        case (.integer, .int(let number)): "\(number)"
        case (.integer, _): "\(Int64?.none)"
        case (.decimal, .double(let number)): "\(number)"
        case (.decimal, .int(let number)): "\(Double(number))"
        case (.decimal, _): "\(Double?.none)"
        case (.boolean, .bool(let flag)): "\(flag)"
        case (.boolean, _): "\(Bool?.none)"
        case (.date, .date(let date)): "\(date)"
        case (.date, _): "\(CalendarDate?.none)"
        case (.timestamp, .timestamp(let time)): "\(time)"
        case (.timestamp, _): "\(Timestamp?.none)"
        case (.uuid, .uuid(let id)), (.reference, .uuid(let id)): "\(id)"
        case (.uuid, _), (.reference, _): "\(UUID?.none)"
        case (.list, .null), (.object, .null), (.json, .null): "\(JSON?.none)"
        case (.list, _), (.object, _), (.json, _): "\(value.json)"
        case (_, .string(let text)): "\(text)"
        default: "\(String?.none)"
        }
    }

    /// Reads a column of this type.
    func read(_ row: Row, _ column: Int) throws -> FieldValue {
        switch self {
        case .integer: try row.get(column, as: Int64?.self).map(FieldValue.int) ?? .null
        case .decimal: try row.get(column, as: Double?.self).map(FieldValue.double) ?? .null
        case .boolean: try row.get(column, as: Bool?.self).map(FieldValue.bool) ?? .null
        case .date: try row.get(column, as: CalendarDate?.self).map(FieldValue.date) ?? .null
        case .timestamp: try row.get(column, as: Timestamp?.self).map(FieldValue.timestamp) ?? .null
        case .uuid, .reference: try row.get(column, as: UUID?.self).map(FieldValue.uuid) ?? .null
        case .list, .object, .json: try row.get(column, as: JSON?.self).map { value(stored: $0) } ?? .null
        case .money: try Self.money(row, column)
        case .string, .text, .choice, .email, .phone, .url:
            try row.get(column, as: String?.self).map(FieldValue.string) ?? .null
        }
    }

    private static func money(_ row: Row, _ column: Int) throws -> FieldValue {
        guard let minor = try row.get(column, as: Int64?.self),
            let code = try row.get(column + 1, as: String?.self)
        else { return .null }
        return .money(Money(minorUnits: minor, currency: try Currency(code: code)))
    }

    /// The value of a list or object from its stored JSON. It was checked when it was written.
    private func value(stored json: JSON) -> FieldValue {
        guard case .list(let element, _) = self, case .array(let elements) = json else { return .json(json) }
        return .list(elements.map { element.element(stored: $0) })
    }

    private func element(stored json: JSON) -> FieldValue {
        switch (self, json) {
        case (.uuid, .string(let text)), (.reference, .string(let text)):
            UUID(uuidString: text).map(FieldValue.uuid) ?? .null
        case (.date, .string(let text)): CalendarDate(text).map(FieldValue.date) ?? .null
        case (.timestamp, .string(let text)): Timestamp(text).map(FieldValue.timestamp) ?? .null
        case (.money, _), (.object, _), (.json, _), (.list, _): .json(json)
        case (_, .string(let text)): .string(text)
        case (_, .int(let number)): .int(number)
        case (_, .double(let number)): .double(number)
        case (_, .bool(let flag)): .bool(flag)
        default: .json(json)
        }
    }
}

extension FieldDefinition {
    /// The parameters for this field's columns, in the order of `columns`.
    func binds(_ value: FieldValue) -> [SQL] {
        guard case .money = type else { return [type.bind(value)] }
        guard case .money(let money) = value else { return ["\(Int64?.none)", "\(String?.none)"] }
        return ["\(money.minorUnits)", "\(money.currency.code)"]
    }
}
