import CPostgres

/// The result of one statement.
public struct Rows: Sendable, RandomAccessCollection {
    let result: PostgresResult
    let columnMap: ColumnMap

    public let count: Int
    public var startIndex: Int { 0 }
    public var endIndex: Int { count }
    public subscript(index: Int) -> Row { Row(rows: self, index: index) }

    init(result: PostgresResult, columns: ColumnMap) {
        self.result = result
        columnMap = columns
        count = Int(PQntuples(result.pointer))
    }

    /// The names of the columns.
    public var columns: [String] { columnMap.names }

    /// How many rows the statement inserted, changed, deleted or selected.
    public var affected: Int { Int(String(cString: PQcmdTuples(result.pointer))) ?? 0 }

    /// The only row; none or several is an error of the program.
    public func single() throws(PostgresError) -> Row {
        guard count == 1 else { throw PostgresError(.usage, "One row was expected, \(count) came.") }
        return self[0]
    }
}

/// One row of a result. Columns are found by position or name; reading one is a typed error when it is NULL (ask for
/// an optional) or of another type.
public struct Row: Sendable {
    let rows: Rows
    let index: Int

    public var columns: [String] { rows.columns }

    public func get<Value: PostgresValue>(
        _ column: Int, as type: Value.Type = Value.self
    ) throws(PostgresDecodingError) -> Value {
        guard rows.columnMap.names.indices.contains(column) else {
            throw PostgresDecodingError("there is no column \(column), only \(rows.columnMap.names.count)")
        }
        do throws(PostgresDecodingError) {
            return try Value.decode(cell(column))
        } catch {
            var error = error
            error.column = rows.columnMap.names[column]
            throw error
        }
    }

    public func get<Value: PostgresValue>(
        _ column: String, as type: Value.Type = Value.self
    ) throws(PostgresDecodingError) -> Value {
        guard let position = rows.columnMap.positions[column] else {
            throw PostgresDecodingError("there is no column \"\(column)\", only \(rows.columnMap.names)")
        }
        return try get(position, as: type)
    }

    /// `let name: String = try row["name"]`
    public subscript<Value: PostgresValue>(_ column: String) -> Value {
        get throws(PostgresDecodingError) { try get(column) }
    }

    /// `let name: String = try row[0]`
    public subscript<Value: PostgresValue>(_ column: Int) -> Value {
        get throws(PostgresDecodingError) { try get(column) }
    }

    /// The bytes of a field as PostgreSQL sent them, or `nil` for NULL, without a copy: valid within `body` only.
    public func withBytes<Result>(_ column: Int, _ body: (UnsafeRawBufferPointer?) throws -> Result) rethrows -> Result
    {
        try withExtendedLifetime(rows.result) { try body(cell(column)?.bytes) }
    }

    private func cell(_ column: Int) -> PostgresCell? {
        let (result, row, field) = (rows.result.pointer, Int32(index), Int32(column))
        if PQgetisnull(result, row, field) == 1 { return nil }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, field), count: Int(PQgetlength(result, row, field)))
        return PostgresCell(bytes: bytes, type: rows.columnMap.types[column])
    }
}

/// Names and types of a result's columns; made once for each prepared statement.
final class ColumnMap: Sendable {
    let names: [String]
    let types: [PostgresType]
    let positions: [String: Int]

    init(_ result: PostgresResult) {
        let columns = 0..<PQnfields(result.pointer)
        names = columns.map { String(cString: PQfname(result.pointer, $0)) }
        types = columns.map { PostgresType(rawValue: PQftype(result.pointer, $0)) }
        // Of two columns with one name the first is found.
        positions = Dictionary(names.enumerated().map { ($1, $0) }) { first, _ in first }
    }
}

/// Owns a `PGresult`.
final class PostgresResult: @unchecked Sendable {
    // @unchecked: libpq's manual (34.20): a PGresult is read-only after its creation and may be passed between
    // threads; nothing here writes to it, and it is freed when the last reference goes.
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { self.pointer = pointer }

    deinit { PQclear(pointer) }
}
