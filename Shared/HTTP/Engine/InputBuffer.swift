/// Bytes received and not yet consumed.
struct InputBuffer {
    /// Everything held; the unread bytes are those of ``range``.
    private(set) var storage: [UInt8] = []
    private var start = 0

    /// Where in ``storage`` the unread bytes are.
    var range: Range<Int> { start..<storage.count }

    var count: Int { storage.count - start }
    var isEmpty: Bool { start == storage.count }

    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0, start == storage.count || start > 32 * 1024 {
            storage.removeFirst(start)
            start = 0
        }
        storage.append(contentsOf: bytes)
    }

    mutating func consume(_ count: Int) {
        start += count
        guard start == storage.count else { return }
        start = 0
        // A quiet connection holds no large buffer.
        storage.removeAll(keepingCapacity: storage.capacity <= 4096)
    }

    /// Takes up to `limit` bytes out.
    mutating func take(upTo limit: Int) -> [UInt8] {
        let length = min(limit, count)
        if start == 0, length == storage.count, length > 4096 {
            // The whole buffer changes hands without a copy.
            let all = storage
            storage = []
            return all
        }
        let bytes = Array(storage[start..<start + length])
        consume(length)
        return bytes
    }
}
