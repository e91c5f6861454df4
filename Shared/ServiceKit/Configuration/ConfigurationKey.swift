/// One setting: its name, what it means and what it is when nobody says otherwise.
///
/// The key `drain-deadline` is the flag `--drain-deadline`, the environment variable `GUANXI_DRAIN_DEADLINE` and,
/// under either name, a line of the configuration file.
public struct ConfigurationKey<Value: ConfigurationValue>: Sendable {
    public let name: String
    public let defaultValue: Value?
    public let help: String
    /// A value to show where the default alone does not explain itself.
    public let example: String?
    /// Another environment variable that is read when the `GUANXI_` one is absent.
    public let environmentAlias: String?
    let isValid: @Sendable (Value) -> Bool
    let expectation: String

    /// - Parameters:
    ///   - name: lower-case words joined by hyphens.
    ///   - default: nil makes the key required.
    ///   - expectation: what a value must be, to complete "expected …"; the type's own words if nil.
    public init(
        _ name: String, default defaultValue: Value?, help: String, example: String? = nil,
        environmentAlias: String? = nil, expectation: String? = nil,
        isValid: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        (self.name, self.defaultValue, self.help, self.example) = (name, defaultValue, help, example)
        self.environmentAlias = environmentAlias
        self.expectation = expectation ?? Value.expectation
        self.isValid = isValid
    }

    /// A key whose value lies in a range.
    public init(
        _ name: String, default defaultValue: Value?, in range: ClosedRange<Value>, help: String
    ) where Value: Comparable {
        self.init(
            name, default: defaultValue, help: help,
            expectation: "\(Value.expectation) from \(range.lowerBound.configurationText) "
                + "to \(range.upperBound.configurationText)",
            isValid: { range.contains($0) })
    }
}

/// A key without its type, as ``Configuration`` lists and reads it.
public struct AnyConfigurationKey: Sendable {
    public let name: String
    public let help: String
    public let example: String?
    public let environmentAlias: String?
    /// The default's text; nil when the key is required.
    public let defaultText: String?
    public let expectation: String
    public let isSecret: Bool
    /// True where a bare `--flag` means true.
    public let isSwitch: Bool
    let defaultValue: (any ConfigurationValue)?
    let parse: @Sendable (String) -> (any ConfigurationValue)?

    public init<Value>(_ key: ConfigurationKey<Value>) {
        (name, help, example, environmentAlias) = (key.name, key.help, key.example, key.environmentAlias)
        defaultText = key.defaultValue?.configurationText
        (defaultValue, expectation) = (key.defaultValue, key.expectation)
        isSecret = Value.self == Secret.self
        isSwitch = Value.self == Bool.self
        parse = { text in
            guard let value = Value(configurationText: text), key.isValid(value) else { return nil }
            return value
        }
    }

    /// `GUANXI_DRAIN_DEADLINE` for `drain-deadline`.
    public var environmentName: String { "GUANXI_" + name.uppercased().replacing("-", with: "_") }
}
