/// The parameters of a statement: one buffer of bytes in binary format, and where each one lies.
struct Binds: Sendable, Hashable {
    private(set) var bytes: [UInt8] = []
    private(set) var types: [UInt32] = []
    /// The end of each value in `bytes`, and −1 − that for NULL.
    private(set) var ends: [Int] = []
    /// Where each `$n` begins in the statement's UTF-8 text.
    private(set) var positions: [Int] = []

    var count: Int { ends.count }
    var isEmpty: Bool { ends.isEmpty }

    mutating func reserve(_ count: Int) {
        guard count > 0 else { return }
        bytes.reserveCapacity(24 * count)
        types.reserveCapacity(count)
        ends.reserveCapacity(count)
        positions.reserveCapacity(count)
    }

    mutating func append<Value: PostgresValue>(_ value: Value, at position: Int) {
        types.append(Value.postgresType.rawValue)
        positions.append(position)
        if value.isNull {
            ends.append(-1 - bytes.count)
        } else {
            value.encode(into: &bytes)
            ends.append(bytes.count)
        }
    }

    mutating func append(_ other: Binds, at newPositions: [Int]) {
        let offset = bytes.count
        bytes.append(contentsOf: other.bytes)
        types.append(contentsOf: other.types)
        ends.append(contentsOf: other.ends.map { $0 < 0 ? $0 - offset : $0 + offset })
        positions.append(contentsOf: newPositions)
    }

    /// Gives libpq's three arrays: pointers to the values (`nil` for NULL), their lengths, their formats (all binary).
    func withPointers<Result>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Result
    ) -> Result {
        guard !isEmpty else { return body(nil, nil, nil) }
        return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
            withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                // An empty array may have no address, and no address means NULL to libpq.
                withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1) { nothing in
                    bytes.withUnsafeBytes { bytes in
                        let base = bytes.bindMemory(to: CChar.self).baseAddress ?? UnsafePointer(nothing.baseAddress)
                        var start = 0
                        for index in 0..<count {
                            let end = ends[index]
                            pointers.initializeElement(at: index, to: end < 0 ? nil : base.map { $0 + start })
                            numbers.initializeElement(at: index, to: Int32(clamping: end < 0 ? 0 : end - start))
                            numbers.initializeElement(at: count + index, to: 1)
                            if end >= 0 { start = end }
                        }
                        return body(
                            pointers.baseAddress, numbers.baseAddress, numbers.baseAddress.map { $0 + count })
                    }
                }
            }
        }
    }
}
