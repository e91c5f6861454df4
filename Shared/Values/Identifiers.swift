import Foundation
import Synchronization

/// Time-ordered identifiers (RFC 9562, version 7), greater than every one made before in this process.
public enum UUIDv7 {
    /// Milliseconds in the upper 48 bits of 60, a counter within the millisecond below: the order of making.
    private static let last = Mutex<UInt64>(0)

    /// A new identifier of the given moment. Asked for an earlier moment than before, it goes on from the later one.
    public static func make(at time: Timestamp = .now()) -> UUID {
        var random = BufferedRandomNumberGenerator()
        let low = random.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        // A fresh millisecond starts its counter in the lower half, which leaves room to count up.
        let fresh = UInt64(max(0, time.milliseconds)) << 12 | random.next() & 0x7FF
        let ordered = last.withLock { last in
            last = max(fresh, last + 1)
            return last
        }
        let high = (ordered >> 12) << 16 | 0x7000 | ordered & 0xFFF
        return UUID(high: high, low: low)
    }
}

extension UUID {
    /// The sixteen bytes as two big-endian halves.
    public init(high: UInt64, low: UInt64) {
        var (high, low) = (high.bigEndian, low.bigEndian)
        self = withUnsafeBytes(of: &high) { high in
            withUnsafeBytes(of: &low) { low in
                UUID(
                    uuid: (
                        high[0], high[1], high[2], high[3], high[4], high[5], high[6], high[7],
                        low[0], low[1], low[2], low[3], low[4], low[5], low[6], low[7]
                    ))
            }
        }
    }

    /// `01890a5d-ac96-774b-bcce-b302099a8057`: as the API writes it.
    public var lowercased: String {
        String(unsafeUninitializedCapacity: 36) { buffer in
            write(into: buffer)
            return 36
        }
    }

    /// Writes the 36 ASCII bytes of `lowercased` at the start of `buffer`.
    public func write(into buffer: UnsafeMutableBufferPointer<UInt8>) {
        withUnsafeBytes(of: uuid) { bytes in
            var position = 0
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                buffer[position] = UUID.hexadecimal(bytes[index] >> 4)
                buffer[position + 1] = UUID.hexadecimal(bytes[index] & 15)
                position += 2
            }
        }
    }

    private static func hexadecimal(_ digit: UInt8) -> UInt8 { digit < 10 ? 48 + digit : 87 + digit }

    /// Exactly 36 characters with hyphens, letters of either case. Foundation's own goes through `sscanf`.
    public init?(_ text: String) {
        var text = text
        guard let bytes = text.withUTF8({ UUID.bytes($0) }) else { return nil }
        self.init(uuid: bytes)
    }

    private static func bytes(_ text: UnsafeBufferPointer<UInt8>) -> uuid_t? {
        guard text.count == 36 else { return nil }
        var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        let isGood = withUnsafeMutableBytes(of: &bytes) { bytes in
            var position = 0
            for index in 0..<16 {
                if index == 4 || index == 6 || index == 8 || index == 10 {
                    guard text[position] == UInt8(ascii: "-") else { return false }
                    position += 1
                }
                guard let high = digit(text[position]), let low = digit(text[position + 1]) else { return false }
                bytes[index] = high << 4 | low
                position += 2
            }
            return true
        }
        return isGood ? bytes : nil
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
        default: nil
        }
    }

    /// As ``init(_:)``, with what to do instead.
    public init(parsing text: String) throws(ValueError) {
        guard let parsed = UUID(text) else {
            throw ValueError(
                "invalidId", "Write an id as a UUID like 01890a5d-ac96-774b-bcce-b302099a8057.",
                zh: "标识须为 UUID，例如 01890a5d-ac96-774b-bcce-b302099a8057。")
        }
        self = parsed
    }
}

/// A tenant's name inside the system: sixteen characters of `a`–`z` and `2`–`7` that mean nothing, safe in the name of
/// a schema, a role or a topic.
public struct TenantID: Sendable, Hashable, Codable, Comparable, LosslessStringConvertible {
    public let text: String

    public init(parsing text: String) throws(ValueError) {
        guard text.utf8.count == 16, text.utf8.allSatisfy(TenantID.alphabet.contains) else {
            throw ValueError(
                "invalidTenant", "A tenant's id has sixteen characters of a to z and 2 to 7.",
                zh: "租户标识须为 16 个字符（a–z、2–7）。")
        }
        self.text = text
    }

    public init?(_ description: String) {
        guard let valid = try? TenantID(parsing: description) else { return nil }
        self = valid
    }

    private init(random: [UInt8]) { text = String(decoding: random, as: UTF8.self) }

    /// A new one, from the system's random numbers.
    public static func make() -> TenantID {
        TenantID(random: (0..<16).map { _ in alphabet[Int.random(in: 0..<alphabet.count)] })
    }

    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// The PostgreSQL schema of the tenant in each service's database, and the role that owns it.
    public var schema: String { "t_\(text)" }
    public var description: String { text }

    public static func < (left: TenantID, right: TenantID) -> Bool { left.text < right.text }

    public init(from decoder: any Decoder) throws {
        try self.init(parsing: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
