/// An amount of a currency in its minor units: 105400 of USD are 1,054.00 dollars.
public struct Money: Sendable, Hashable {
    public let minorUnits: Int64
    public let currency: Currency

    /// The largest amount taken from outside: fifteen digits, so that sums of many stay exact.
    public static let bound: Int64 = 999_999_999_999_999

    public init(minorUnits: Int64, currency: Currency) {
        self.minorUnits = minorUnits
        self.currency = currency
    }

    public static func zero(_ currency: Currency) -> Money { Money(minorUnits: 0, currency: currency) }

    /// A decimal string like `1054.00`: at most the currency's digits after the point, no sign unless `allowNegative`,
    /// no exponent, no grouping, no blank.
    public init(amount: String, currency: Currency, allowNegative: Bool = false) throws(ValueError) {
        minorUnits = try Money.minorUnits(of: amount, currency: currency, allowNegative: allowNegative)
        guard minorUnits.magnitude <= Money.bound else { throw Money.tooLarge }
        self.currency = currency
    }

    /// What was added up of many amounts, as a decimal string: it stops at the largest number instead of failing.
    public init(sum: String, currency: Currency) throws(ValueError) {
        minorUnits = try Money.minorUnits(of: sum, currency: currency, allowNegative: true)
        self.currency = currency
    }

    private static func minorUnits(
        of amount: String, currency: Currency, allowNegative: Bool
    ) throws(ValueError) -> Int64 {
        let negative = amount.utf8.first == UInt8(ascii: "-")
        guard !negative || allowNegative else { throw negativeRefused }
        var total: Int64 = 0
        var whole = 0
        var fraction: Int?
        for byte in negative ? amount.utf8.dropFirst() : amount.utf8[...] {
            if byte == UInt8(ascii: "."), fraction == nil {
                fraction = 0
                continue
            }
            let digit = byte &- 48
            guard digit < 10 else { throw malformed(currency) }
            if let count = fraction { fraction = count + 1 } else { whole += 1 }
            total = times10(total, plus: Int64(digit))
        }
        guard whole > 0, fraction != 0 else { throw malformed(currency) }
        guard fraction ?? 0 <= currency.digits else { throw tooPrecise(currency) }
        for _ in (fraction ?? 0)..<currency.digits { total = times10(total, plus: 0) }
        return negative ? -total : total
    }

    private static func times10(_ number: Int64, plus digit: Int64) -> Int64 {
        let (product, overflow) = number.multipliedReportingOverflow(by: 10)
        let (sum, isOver) = product.addingReportingOverflow(digit)
        return overflow || isOver ? .max : sum
    }

    /// `1054.00`: always with the currency's digits.
    public var amount: String {
        let digits = currency.digits
        guard digits > 0 else { return "\(minorUnits)" }
        let text = "\(minorUnits.magnitude)"
        let padded = String(repeating: "0", count: max(0, digits + 1 - text.utf8.count)) + text
        return "\(minorUnits < 0 ? "-" : "")\(padded.dropLast(digits)).\(padded.suffix(digits))"
    }

    /// Nil when the currencies differ or the sum leaves 64 bits.
    public func adding(_ other: Money) -> Money? {
        let (sum, overflow) = minorUnits.addingReportingOverflow(other.minorUnits)
        return currency == other.currency && !overflow ? Money(minorUnits: sum, currency: currency) : nil
    }

    private static let negativeRefused = ValueError(
        "negativeAmount", "An amount must not be negative here.", zh: "此处金额不能为负数。")
    private static let tooLarge = ValueError(
        "amountTooLarge", "An amount has at most fifteen digits.", zh: "金额最多十五位数字。")
    private static func malformed(_ currency: Currency) -> ValueError {
        let example = Money(minorUnits: 105_400, currency: currency).amount
        return ValueError(
            "invalidAmount",
            "Write an amount as a decimal string with at most \(currency.digits) digits after the point, "
                + "like \"\(example)\".",
            zh: "金额须为十进制字符串，小数最多 \(currency.digits) 位，例如“\(example)”。")
    }
    private static func tooPrecise(_ currency: Currency) -> ValueError {
        ValueError(
            "tooManyDigits", "\(currency.code) has \(currency.digits) digits after the point: write no more.",
            zh: "\(currency.code) 的小数位数为 \(currency.digits)，不能更多。")
    }
}

extension Money: Codable, CustomStringConvertible {
    public var description: String { "\(amount) \(currency.code)" }

    private enum Member: String, CodingKey { case amount, currency }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Member.self)
        try self.init(
            amount: container.decode(String.self, forKey: .amount),
            currency: container.decode(Currency.self, forKey: .currency), allowNegative: true)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Member.self)
        try container.encode(amount, forKey: .amount)
        try container.encode(currency, forKey: .currency)
    }
}
