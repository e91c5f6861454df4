/// One entry of the error catalogue: what clients may program against.
///
/// The code is stable for ever; texts may be improved. A service declares its own entries as static constants and names
/// them in its endpoints' `errors`.
public struct ProblemType: Sendable, Hashable {
    /// Machine-readable, `camelCase`, never changed.
    public let code: String
    public let status: Int
    /// A short name of the problem, the same for each occurrence.
    public let title: LocalizedText
    /// What the client can do about it: the `detail` of a problem that says nothing more precise.
    public let advice: LocalizedText

    public init(_ code: String, _ status: Int, title: LocalizedText, advice: LocalizedText) {
        precondition(
            code.first?.isLowercase == true && code.utf8.allSatisfy(\.isLetterOrDigit),
            "The problem code “\(code)” must be in camelCase.")
        precondition((400...599).contains(status), "The problem “\(code)” needs a status between 400 and 599.")
        self.code = code
        self.status = status
        self.title = title
        self.advice = advice
    }

    /// The relative reference of the problem's page: the `type` member of RFC 9457.
    public var reference: String { "/docs/errors#\(code)" }
}
