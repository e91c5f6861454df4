import Values

/// A type that a setting can have.
public protocol ConfigurationValue: Sendable {
    /// Completes "expected …".
    static var expectation: String { get }
    init?(configurationText: String)
    /// How the value is shown in `--help` and logs; secrets show `***`.
    var configurationText: String { get }
}

extension String: ConfigurationValue {
    public static var expectation: String { "a text" }
    public init?(configurationText: String) { self = configurationText }
    public var configurationText: String { self }
}

extension Int: ConfigurationValue {
    public static var expectation: String { "a whole number" }
    public init?(configurationText: String) { self.init(configurationText) }
    public var configurationText: String { "\(self)" }
}

extension Bool: ConfigurationValue {
    public static var expectation: String { "true or false" }
    public init?(configurationText: String) {
        switch configurationText.lowercased() {
        case "true", "yes", "on", "1": self = true
        case "false", "no", "off", "0": self = false
        default: return nil
        }
    }
    public var configurationText: String { "\(self)" }
}

extension Duration: ConfigurationValue {
    public static var expectation: String { "a duration such as 250ms, 10s, 5m or 1h" }

    public init?(configurationText text: String) {
        let units: [(suffix: String, milliseconds: Int64)] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)]
        guard let unit = units.first(where: { text.hasSuffix($0.suffix) }),
            let number = Int64(text.dropLast(unit.suffix.count)), (0...1_000_000_000).contains(number)
        else { return nil }
        self = .milliseconds(number * unit.milliseconds)
    }

    public var configurationText: String {
        let milliseconds = Int64((inSeconds * 1_000).rounded())
        if milliseconds % 1_000 != 0 || milliseconds == 0 { return "\(milliseconds)ms" }
        if milliseconds % 3_600_000 == 0 { return "\(milliseconds / 3_600_000)h" }
        if milliseconds % 60_000 == 0 { return "\(milliseconds / 60_000)m" }
        return "\(milliseconds / 1_000)s"
    }
}

/// A text that is never shown: a password, a key, or an address that may hold one.
public struct Secret: ConfigurationValue, Hashable, CustomStringConvertible, CustomDebugStringConvertible,
    CustomReflectable
{
    /// The secret itself.
    public let value: String

    public init(_ value: String) { self.value = value }

    public static var expectation: String { "a text" }
    public init?(configurationText: String) { value = configurationText }
    public var configurationText: String { value.isEmpty ? "" : "***" }
    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// A host and a port: `127.0.0.1:8081`, `[::1]:8081`, `localhost:0`.
public struct HostAndPort: ConfigurationValue, Hashable, CustomStringConvertible {
    public let host: String
    public let port: Int

    public init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    public static var expectation: String { "an address such as 127.0.0.1:8080" }

    public init?(configurationText text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        self.init(host: String(host), port: port)
    }

    public var configurationText: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    public var description: String { configurationText }
}

/// Gives an enumeration of texts its place in a configuration: `enum Level: String, CaseIterable, ConfigurationChoice`.
public protocol ConfigurationChoice: ConfigurationValue, RawRepresentable, CaseIterable where RawValue == String {}

extension ConfigurationChoice {
    public static var expectation: String {
        let names = allCases.map(\.rawValue)
        return names.count == 1 ? names[0] : names.dropLast().joined(separator: ", ") + " or \(names[names.count - 1])"
    }
    public init?(configurationText: String) { self.init(rawValue: configurationText.lowercased()) }
    public var configurationText: String { rawValue }
}
