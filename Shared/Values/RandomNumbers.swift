import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The system's random numbers, taken 128 at a time: `SystemRandomNumberGenerator` asks the kernel for each.
///
/// For ids, which several are made of for each request. Keys and secrets take theirs from the system directly.
public struct BufferedRandomNumberGenerator: RandomNumberGenerator, Sendable {
    private struct Buffer {
        var numbers: [UInt64] = []
    }

    private static let buffer = Mutex(Buffer())
    private static let count = 128

    public init() {}

    public mutating func next() -> UInt64 {
        Self.buffer.withLock { buffer in
            if buffer.numbers.isEmpty { buffer.numbers = Self.fresh() }
            return buffer.numbers.removeLast()
        }
    }

    private static func fresh() -> [UInt64] {
        #if canImport(Glibc)
            // Whole below 256 bytes, says getrandom(2); a signal or an old kernel may give less of more.
            var numbers = [UInt64](repeating: 0, count: count)
            let size = count * MemoryLayout<UInt64>.size
            if numbers.withUnsafeMutableBytes({ getrandom($0.baseAddress, size, 0) }) == size { return numbers }
        #endif
        var system = SystemRandomNumberGenerator()
        return (0..<count).map { _ in system.next() }
    }
}
