/// Text that is not a value of the wanted kind: says what to write instead, in English and Chinese.
public struct ValueError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Stable and machine-readable, e.g. `invalidTimestamp`.
    public let code: String
    public let english: String
    public let chinese: String

    public init(_ code: String, _ english: String, zh chinese: String) {
        self.code = code
        self.english = english
        self.chinese = chinese
    }

    public var description: String { english }
}
