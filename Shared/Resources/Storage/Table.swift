import Entities
import Foundation
import JSON
import Postgres
import Values

/// How an aggregate lies in a table of the tenant's schema: a column for each field of its catalogue, two for money,
/// and `custom`.
public struct Table<Record: Aggregate>: Sendable {
    public let name: String
    public let entity: Entity<Record>
    /// The columns in the order in which rows are read and inserted.
    public let columns: [String]
    private let definitions: [FieldDefinition]
    /// The first column of each field.
    private let positions: [Int]
    private let customPosition: Int
    /// `id, version, …`
    private let columnList: String

    public init(_ name: String) {
        self.name = name
        entity = Record.catalogue
        definitions = entity.fields.map(\.definition)
        var columns: [String] = []
        var positions: [Int] = []
        for field in entity.fields {
            positions.append(columns.count)
            columns += field.definition.columns
        }
        customPosition = columns.count
        columns.append("custom")
        self.columns = columns
        self.positions = positions
        columnList = columns.map(SQL.quoted).joined(separator: ", ")
    }

    /// `t_….leads`
    public func qualified(_ schema: SchemaName) -> SQL { "\(schema).\(ident: name)" }

    /// `select <columns> from <table>`, to be followed by `where …`.
    public func select(_ schema: SchemaName) -> SQL { "select \(raw: columnList) from \(qualified(schema))" }

    /// The columns with a prefix, for joins: `t."id", t."version", …`.
    public func columnList(prefix: String) -> SQL {
        SQL(raw: columns.map { "\(prefix).\(SQL.quoted($0))" }.joined(separator: ", "))
    }

    /// Reads a row of ``select(_:)``.
    ///
    /// - Parameter offset: the position of the first column.
    public func record(_ row: Row, offset: Int = 0) throws -> Record {
        var record = Record(id: try row.get(offset), at: try row.get(offset + positions[2]))
        for index in definitions.indices {
            let value = try definitions[index].type.read(row, offset + positions[index])
            // A NULL where the record has a default comes from a column that is younger than the row.
            if value.isNull, !definitions[index].isNullable { continue }
            guard entity.set(value, at: index, in: &record) else {
                throw StoredValueError(table: name, column: definitions[index].column)
            }
        }
        record.custom = try row.get(offset + customPosition, as: JSON?.self)?.object ?? [:]
        return record
    }

    /// Inserts records.
    ///
    /// - Parameter more: further columns and their values, the same columns for each record.
    public func insert(
        _ records: [Record], into schema: SchemaName, more: (Record) -> [(column: String, value: SQL)] = { _ in [] }
    ) -> SQL {
        precondition(!records.isEmpty, "an insert of no records")
        // Made in one piece: joining a part for each of some forty columns cost a tenth of a request.
        var sql = SQL.Interpolation(
            literalCapacity: 64 + columnList.utf8.count + records.count * columns.count * 6,
            interpolationCount: records.count * (columns.count + 2))
        sql.appendInterpolation("insert into \(qualified(schema)) (\(raw: columnList)" as SQL)
        let first = more(records[0])
        for (column, _) in first { sql.appendLiteral(", \(SQL.quoted(column))") }
        sql.appendLiteral(") values ")
        for (index, record) in records.enumerated() {
            sql.appendLiteral(index == 0 ? "(" : ", (")
            append(record, to: &sql)
            for (_, value) in index == 0 ? first : more(record) {
                sql.appendLiteral(", ")
                sql.appendInterpolation(value)
            }
            sql.appendLiteral(")")
        }
        return SQL(stringInterpolation: sql)
    }

    /// Changes a record that is still at version `old.version`; raises otherwise, so that nothing of the flight is kept.
    public func update(
        from old: Record, to new: Record, in schema: SchemaName, more: [(column: String, value: SQL)] = []
    ) -> SQL {
        var changes: [SQL] = []
        for (index, field) in entity.fields.enumerated() {
            let value = entity.value(at: index, in: new)
            guard value != entity.value(at: index, in: old) else { continue }
            for (column, bind) in zip(field.definition.columns, field.definition.binds(value)) {
                changes.append("\(ident: column) = \(bind)")
            }
        }
        if old.custom != new.custom { changes.append("custom = \(JSON.object(new.custom))") }
        changes += more.map { "\(ident: $0.column) = \($0.value)" }
        return """
            with changed as (update \(qualified(schema)) set \(changes.joined(separator: ", ")) \
            where id = \(old.id) and version = \(old.version) returning 1) \
            select shared.require_rows((select count(*) from changed), 1)
            """
    }

    private func append(_ record: Record, to sql: inout SQL.Interpolation) {
        for index in definitions.indices {
            definitions[index].bind(entity.value(at: index, in: record), into: &sql)
            sql.appendLiteral(", ")
        }
        sql.appendInterpolation(JSON.object(record.custom))
    }
}

/// A stored value that this version of the program cannot hold.
public struct StoredValueError: Error, Sendable, CustomStringConvertible {
    public let table: String
    public let column: String
    public var description: String { "\(table).\(column) holds a value of a later version of this program" }
}
