/// A currency of ISO 4217 and how many digits its amounts have after the point.
public struct Currency: Sendable, Hashable, Codable, LosslessStringConvertible {
    /// Three capital letters.
    public let code: String
    /// Digits of the minor unit: 2 for most, 0 for JPY, 3 for KWD.
    public var digits: Int { Currency.digits[code] ?? 2 }

    /// Refuses what ISO 4217 does not list.
    public init(code: String) throws(ValueError) {
        guard Currency.digits[code] != nil else {
            throw ValueError(
                "unknownCurrency",
                "\"\(code.prefix(20))\" is no ISO 4217 currency: write three capital letters like CNY.",
                zh: "“\(code.prefix(20))”不是 ISO 4217 货币代码，请写三个大写字母，例如 CNY。")
        }
        self.code = code
    }

    public init?(_ description: String) {
        guard let known = try? Currency(code: description) else { return nil }
        self = known
    }

    private init(known code: String) { self.code = code }

    public var description: String { code }

    public static let cny = Currency(known: "CNY")
    public static let usd = Currency(known: "USD")
    public static let eur = Currency(known: "EUR")
    public static let jpy = Currency(known: "JPY")

    /// All codes, sorted.
    public static var codes: [String] { digits.keys.sorted() }

    public init(from decoder: any Decoder) throws {
        try self.init(code: decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(code)
    }

    private static let digits: [String: Int] = {
        let byDigits = [
            0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
            2: """
            AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF \
            CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF \
            IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR \
            MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
            SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER \
            ZAR ZMW ZWG
            """,
            3: "BHD IQD JOD KWD LYD OMR TND",
        ]
        return byDigits.reduce(into: [:]) { table, entry in
            for code in entry.value.split(separator: " ") { table[String(code)] = entry.key }
        }
    }()
}
