/// A code that people read out on the phone, e.g. `OPP-2026-000123`: prefix, year, number from a sequence (gaps allowed).
public struct ReadableCode: Sendable, Hashable, LosslessStringConvertible {
    public let prefix: String
    public let year: Int
    public let number: Int64

    public init(prefix: String, year: Int, number: Int64) {
        self.prefix = prefix
        self.year = year
        self.number = number
    }

    /// Reads capitals or small letters; nil when it is no such code.
    public init?(_ description: String) {
        let parts = description.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].utf8.count == 4, (6...18).contains(parts[2].utf8.count),
            !parts[0].isEmpty, parts[0].utf8.allSatisfy({ (65...90).contains($0 & 0xDF) }),
            parts.dropFirst().allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let year = Int(parts[1]), let number = Int64(parts[2])
        else { return nil }
        self.init(prefix: parts[0].uppercased(), year: year, number: number)
    }

    public var description: String {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, 6 - digits.utf8.count))
        return "\(prefix)-\(year)-\(zeros)\(digits)"
    }
}
