import Entities
import Foundation
import JSON
import Postgres
import Values

extension FieldType {
    /// The value as a parameter of the type of this field's column. Money has two columns: see
    /// ``FieldDefinition/bind(_:into:)``.
    func bind(_ value: FieldValue) -> SQL {
        var sql = SQL.Interpolation(literalCapacity: 0, interpolationCount: 1)
        bind(value, into: &sql)
        return SQL(stringInterpolation: sql)
    }

    func bind(_ value: FieldValue, into sql: inout SQL.Interpolation) {
        switch (self, value) {
        case (.integer, .int(let number)): sql.appendInterpolation(number)
        case (.integer, _): sql.appendInterpolation(Int64?.none)
        case (.decimal, .double(let number)): sql.appendInterpolation(number)
        case (.decimal, .int(let number)): sql.appendInterpolation(Double(number))
        case (.decimal, _): sql.appendInterpolation(Double?.none)
        case (.boolean, .bool(let flag)): sql.appendInterpolation(flag)
        case (.boolean, _): sql.appendInterpolation(Bool?.none)
        case (.date, .date(let date)): sql.appendInterpolation(date)
        case (.date, _): sql.appendInterpolation(CalendarDate?.none)
        case (.timestamp, .timestamp(let time)): sql.appendInterpolation(time)
        case (.timestamp, _): sql.appendInterpolation(Timestamp?.none)
        case (.uuid, .uuid(let id)), (.reference, .uuid(let id)): sql.appendInterpolation(id)
        case (.uuid, _), (.reference, _): sql.appendInterpolation(UUID?.none)
        case (.list, .null), (.object, .null), (.json, .null): sql.appendInterpolation(JSON?.none)
        case (.list, _), (.object, _), (.json, _): sql.appendInterpolation(value.json)
        case (_, .string(let text)): sql.appendInterpolation(text)
        default: sql.appendInterpolation(String?.none)
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
            UUID(text).map(FieldValue.uuid) ?? .null
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

    /// The same parameters, with commas between them, at the end of a statement that is being made.
    func bind(_ value: FieldValue, into sql: inout SQL.Interpolation) {
        guard case .money = type else { return type.bind(value, into: &sql) }
        var money: Money?
        if case .money(let amount) = value { money = amount }
        sql.appendInterpolation(money?.minorUnits)
        sql.appendLiteral(", ")
        sql.appendInterpolation(money?.currency.code)
    }
}
