import Synchronization

extension HTTPRequest {
    /// A new request id: 13 characters of base 32, unique in this process and random between processes.
    public static func newID() -> String {
        var bits = mixed(requestCounter.wrappingAdd(1, ordering: .relaxed).newValue)
        // Thirteen characters fit Swift's in-place strings, so that an id costs no allocation.
        return String(unsafeUninitializedCapacity: 13) { buffer in
            for index in 0..<13 {
                buffer[index] = alphabet[Int(bits & 31)]
                bits >>= 5
            }
            return 13
        }
    }

    /// An id that came with a request, if it is harmless in logs and headers.
    static func acceptedID(_ text: String) -> String? {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count) else { return nil }
        return bytes.allSatisfy(isIDByte) ? text : nil
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: false
        }
    }

    private static let requestCounter = Atomic<UInt64>(UInt64.random(in: 0...UInt64.max))
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// SplitMix64's finisher: a bijection, so distinct counters stay distinct.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var bits = value &* 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
