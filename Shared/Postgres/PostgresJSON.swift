import JSON

extension JSON: PostgresValue {
    public static var postgresType: PostgresType { .jsonb }
    public static var postgresArrayType: PostgresType { .jsonbArray }
    public func encode(into buffer: inout [UInt8]) {
        buffer.append(1)
        buffer.append(contentsOf: serialize())
    }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> JSON {
        let text = try JSONText.decode(cell)
        do { return try JSON.parse(text.bytes) } catch {
            throw PostgresDecodingError("JSON that cannot be read: \(error)")
        }
    }
}

/// JSON text that is passed on without being looked into; the server reads it.
public struct JSONText: PostgresValue {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static var postgresType: PostgresType { .jsonb }
    public static var postgresArrayType: PostgresType { .jsonbArray }
    public func encode(into buffer: inout [UInt8]) {
        buffer.append(1)
        buffer.append(contentsOf: bytes)
    }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> JSONText {
        guard let cell, cell.type == .jsonb || cell.type == .json else {
            throw PostgresDecodingError(cell, as: JSONText.self)
        }
        return JSONText([UInt8](cell.type == .jsonb ? cell.bytes.dropFirst() : cell.bytes[...]))
    }
}
