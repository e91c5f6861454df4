/// A command that the rules of the domain do not allow now: says what to do instead, in English and Chinese.
///
/// The HTTP layer turns `.state` into 409, `.rule` into 422 and `.forbidden` into 403.
public struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Kind: Sendable, Hashable {
        /// The object is in a state in which this cannot be done.
        case state
        /// A value breaks a rule.
        case rule
        case forbidden
    }

    public let kind: Kind
    /// Stable and machine-readable, e.g. `opportunityClosed`.
    public let code: String
    /// The member at fault as a JSON pointer; "" = the whole.
    public let path: String
    public let english: String
    public let chinese: String

    public init(_ kind: Kind, _ code: String, at path: String = "", _ english: String, zh chinese: String) {
        self.kind = kind
        self.code = code
        self.path = path
        self.english = english
        self.chinese = chinese
    }

    public var description: String { english }
}
