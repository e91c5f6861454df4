extension Optional: PostgresValue where Wrapped: PostgresValue {
    public static var postgresType: PostgresType { Wrapped.postgresType }
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }
    public var isNull: Bool { self?.isNull ?? true }
    public func encode(into buffer: inout [UInt8]) { self?.encode(into: &buffer) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> Wrapped? {
        guard let cell else { return nil }
        return try Wrapped.decode(cell)
    }
}

/// A one-dimensional array; `[UInt8]` is a `bytea`.
extension Array: PostgresValue where Element: PostgresValue {
    public static var postgresType: PostgresType { Element.postgresArrayType }
    public static var postgresArrayType: PostgresType {
        Element.postgresArrayType == .bytea ? .byteaArray : postgresType
    }
    public func encode(into buffer: inout [UInt8]) { Element.encodeArray(self, into: &buffer) }
    public static func decode(_ cell: PostgresCell?) throws(PostgresDecodingError) -> [Element] {
        guard let cell else { throw PostgresDecodingError(nil, as: [Element].self) }
        return try Element.decodeArray(cell)
    }
}

/// PostgreSQL's binary arrays: dimensions, whether there are NULLs, element type; per dimension its size and first
/// index; then each element as length and bytes.
@usableFromInline enum PostgresArray {
    @inlinable
    static func encode<Element: PostgresValue>(_ elements: [Element], into buffer: inout [UInt8]) {
        buffer.append(bigEndian: Int32(elements.isEmpty ? 0 : 1))
        // A key path of a generic type would be made anew for each array.
        buffer.append(bigEndian: Int32(elements.contains { $0.isNull } ? 1 : 0))
        buffer.append(bigEndian: Element.postgresType.rawValue)
        guard !elements.isEmpty else { return }
        buffer.append(bigEndian: Int32(clamping: elements.count))
        buffer.append(bigEndian: Int32(1))
        for element in elements { encodeField(element, into: &buffer) }
    }

    /// Length (−1 for NULL) and bytes: as in arrays, so in binary COPY.
    @inlinable
    static func encodeField(_ value: some PostgresValue, into buffer: inout [UInt8]) {
        guard !value.isNull else {
            buffer.append(bigEndian: Int32(-1))
            return
        }
        let lengthAt = buffer.count
        buffer.append(bigEndian: Int32(0))
        value.encode(into: &buffer)
        let length = Int32(clamping: buffer.count - lengthAt - 4)
        withUnsafeBytes(of: length.bigEndian) { bytes in
            for index in 0..<4 { buffer[lengthAt + index] = bytes[index] }
        }
    }

    static func decode<Element: PostgresValue>(
        _ cell: PostgresCell
    ) throws(PostgresDecodingError) -> [Element] {
        let bytes = cell.bytes
        guard bytes.count >= 12, (0...1).contains(bytes.bigEndian(as: Int32.self)) else {
            throw PostgresDecodingError(cell, as: [Element].self)
        }
        if bytes.bigEndian(as: Int32.self) == 0 { return [] }
        guard bytes.count >= 20 else { throw PostgresDecodingError(cell, as: [Element].self) }
        let type = PostgresType(rawValue: bytes.bigEndian(at: 8))
        let count = Int(bytes.bigEndian(at: 12, as: Int32.self))
        guard count >= 0, count <= bytes.count / 4 else { throw PostgresDecodingError(cell, as: [Element].self) }
        var elements: [Element] = []
        elements.reserveCapacity(count)
        var position = 20
        for _ in 0..<count {
            guard position + 4 <= bytes.count else { throw PostgresDecodingError(cell, as: [Element].self) }
            let length = Int(bytes.bigEndian(at: position, as: Int32.self))
            position += 4
            guard length >= 0 else {
                elements.append(try Element.decode(nil))
                continue
            }
            guard position + length <= bytes.count else { throw PostgresDecodingError(cell, as: [Element].self) }
            let field = UnsafeRawBufferPointer(rebasing: bytes[position..<position + length])
            elements.append(try Element.decode(PostgresCell(bytes: field, type: type)))
            position += length
        }
        return elements
    }
}
