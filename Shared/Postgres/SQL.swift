import Values

/// A statement and the values of its parameters.
///
/// Written as a string literal; what is interpolated becomes a parameter (`$1`, `$2`, …), never text:
///
///     let find: SQL = "select name from \(schema).lead where id = \(id) and owner_id = any(\(teams))"
///
/// Only names (`\(schema)`, `\(ident:)`), other statements (`\(condition)`, an `SQL`) and text that the program itself
/// wrote (`\(raw:)`) go in as they are. One statement each: several go in a flight or pipeline.
public struct SQL: Sendable, Hashable, ExpressibleByStringInterpolation, CustomStringConvertible {
    /// The statement as PostgreSQL gets it, with `$n` for parameters.
    public internal(set) var text: String
    var binds = Binds()
    /// Whether the connection keeps it prepared for the next time.
    var isPrepared = true

    public init(stringLiteral text: String) { self.text = text }

    public init(stringInterpolation: Interpolation) { self = stringInterpolation.sql }

    /// Text that the program wrote, without parameters.
    public init(raw text: String) { self.text = text }

    /// The same statement, not kept prepared: for those whose text is another each time.
    public func unprepared() -> SQL {
        var copy = self
        copy.isPrepared = false
        return copy
    }

    /// The text without the values: safe for logs.
    public var description: String { text }

    public static func + (left: SQL, right: SQL) -> SQL {
        var result = left
        result.append(right)
        return result
    }

    public mutating func append(_ other: SQL) {
        if binds.isEmpty {
            let offset = text.utf8.count
            text += other.text
            binds.append(other.binds, at: other.binds.positions.map { $0 + offset })
            return
        }
        // The other's parameters get new numbers.
        let utf8 = other.text.utf8
        var positions: [Int] = []
        var copied = utf8.startIndex
        for (number, position) in other.binds.positions.enumerated() {
            let placeholder = utf8.index(utf8.startIndex, offsetBy: position)
            text += other.text[copied..<placeholder]
            positions.append(text.utf8.count)
            text += "$\(binds.count + number + 1)"
            copied = utf8.index(placeholder, offsetBy: 1 + String(number + 1).utf8.count)
        }
        text += other.text[copied...]
        binds.append(other.binds, at: positions)
    }
}

extension SQL {
    /// What stands between the quotes of a statement, piece by piece.
    public struct Interpolation: StringInterpolationProtocol {
        var sql: SQL

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql = SQL(raw: "")
            sql.text.reserveCapacity(literalCapacity + 4 * interpolationCount)
            sql.binds.reserve(interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) { sql.text += literal }

        /// A parameter.
        public mutating func appendInterpolation(_ value: some PostgresValue) {
            let position = sql.text.utf8.count
            sql.binds.append(value, at: position)
            sql.text += "$"
            sql.text += String(sql.binds.count)
        }

        /// A parameter that may be NULL.
        public mutating func appendInterpolation<Value: PostgresValue>(_ value: Value?) {
            let position = sql.text.utf8.count
            sql.binds.append(value, at: position)
            sql.text += "$"
            sql.text += String(sql.binds.count)
        }

        /// Another statement or a part of one, with its parameters.
        public mutating func appendInterpolation(_ part: SQL) { sql.append(part) }

        /// Part of a statement, or nothing.
        public mutating func appendInterpolation(_ part: SQL?) {
            if let part { sql.append(part) }
        }

        /// A schema's name.
        public mutating func appendInterpolation(_ schema: SchemaName) { sql.text += schema.text }

        /// The schema of a tenant.
        public mutating func appendInterpolation(schema tenant: TenantID) { sql.text += tenant.schema }

        /// A name in double quotes.
        public mutating func appendInterpolation(ident name: String) { sql.text += SQL.quoted(name) }

        /// Text that the program wrote, as it is. Never a user's.
        public mutating func appendInterpolation(raw text: String) { sql.text += text }
    }

    /// `name` as an SQL identifier.
    public static func quoted(_ name: String) -> String {
        // Names with quotes in them are rare, and searching for substrings is expensive.
        guard name.utf8.contains(UInt8(ascii: "\"")) else { return "\"\(name)\"" }
        return "\"" + name.replacing("\"", with: "\"\"") + "\""
    }

    /// `text` as an SQL string constant: for commands that take no parameters (`create role … password`).
    public static func literal(_ text: String) -> String {
        let quoted = text.replacing("'", with: "''")
        return text.contains("\\") ? "E'" + quoted.replacing("\\", with: "\\\\") + "'" : "'" + quoted + "'"
    }
}

extension Collection<SQL> {
    /// The statements one after the other with `separator` between: lists of values and conditions.
    public func joined(separator: String) -> SQL {
        var result = SQL(raw: "")
        for (index, part) in enumerated() {
            if index > 0 { result.text += separator }
            result.append(part)
        }
        return result
    }
}

/// The name of a schema, safe to stand in a statement without quotes.
public struct SchemaName: Sendable, Hashable, CustomStringConvertible {
    let text: String

    /// The tenant's schema: the same name in each service's database.
    public init(_ tenant: TenantID) { text = tenant.schema }

    private init(fixed: String) { text = fixed }

    /// What all tenants of a service have in common.
    public static let shared = SchemaName(fixed: "shared")

    public var description: String { text }
}
