import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The system's random numbers, taken 32 at a time: `SystemRandomNumberGenerator` asks the kernel for each.
///
/// For ids, which several are made of for each request. Keys and secrets take theirs from the system directly.
public struct BufferedRandomNumberGenerator: RandomNumberGenerator, Sendable {
    private static let buffer = Mutex<[UInt64]>([])
    private static let count = 32

    public init() {}

    public mutating func next() -> UInt64 {
        Self.buffer.withLock { numbers in
            if numbers.isEmpty { numbers = Self.fresh() }
            return numbers.removeLast()
        }
    }

    private static func fresh() -> [UInt64] {
        #if canImport(Glibc)
            var numbers = [UInt64](repeating: 0, count: count)
            // At most 256 bytes, says getentropy(3), and then all of them or none.
            let status = numbers.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { getentropy($0, bytes.count) }
            }
            if status == 0 { return numbers }
        #endif
        var system = SystemRandomNumberGenerator()
        return (0..<count).map { _ in system.next() }
    }
}
