/// A `numeric` as PostgreSQL sends it: digits of base 10,000, the power of the first, sign and decimals shown.
struct PostgresNumeric: CustomStringConvertible {
    private let digits: [Int]
    private let weight: Int
    private let isNegative: Bool
    private let scale: Int

    /// `nil` for NaN, infinities and broken bytes.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { return nil }
        let count = Int(bytes.bigEndian(at: 0, as: Int16.self))
        let sign = bytes.bigEndian(at: 4, as: UInt16.self)
        guard count >= 0, bytes.count == 8 + 2 * count, sign == 0 || sign == 0x4000 else { return nil }
        weight = Int(bytes.bigEndian(at: 2, as: Int16.self))
        isNegative = sign == 0x4000
        scale = Int(bytes.bigEndian(at: 6, as: Int16.self))
        digits = (0..<count).map { Int(bytes.bigEndian(at: 8 + 2 * $0, as: Int16.self)) }
    }

    /// The digit that stands for 10,000 to the power of `power`.
    private func digit(_ power: Int) -> Int {
        let index = weight - power
        return digits.indices.contains(index) ? digits[index] : 0
    }

    /// The value when it is whole and fits.
    var integer: Int64? {
        let powers = digits.indices.map { weight - $0 }
        guard !zip(powers, digits).contains(where: { $0 < 0 && $1 != 0 }), weight < 5 else { return nil }
        var result: Int64 = 0
        for power in stride(from: max(weight, 0), through: 0, by: -1) {
            let (product, tooLarge) = result.multipliedReportingOverflow(by: 10000)
            let digit = Int64(digit(power))
            let (sum, overflow) = product.addingReportingOverflow(isNegative ? -digit : digit)
            if tooLarge || overflow { return nil }
            result = sum
        }
        return result
    }

    var double: Double? { Double(description) }

    var description: String {
        var text = isNegative ? "-" : ""
        text += String(digit(max(weight, 0)))
        for power in stride(from: weight - 1, through: 0, by: -1) { text += Self.padded(digit(power)) }
        guard scale > 0 else { return text }
        var fraction = ""
        for power in stride(from: -1, through: -(scale + 3) / 4, by: -1) { fraction += Self.padded(digit(power)) }
        return text + "." + fraction.prefix(scale)
    }

    private static func padded(_ digit: Int) -> String { String(String(10000 + digit).dropFirst()) }
}
