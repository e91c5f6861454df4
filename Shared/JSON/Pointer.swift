/// Where a value is within a document: JSON Pointer (RFC 6901).
public struct JSONPointer: Sendable, Hashable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let tokens: [String]

    public init(_ tokens: [String] = []) { self.tokens = tokens }

    /// Text that is not a pointer (no leading `/`) is one token.
    public init(stringLiteral text: String) {
        if text.isEmpty {
            self.init([])
        } else if text.hasPrefix("/") {
            self.init(
                text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(JSONPointer.unescape))
        } else {
            self.init([text])
        }
    }

    public static func / (pointer: JSONPointer, token: String) -> JSONPointer {
        JSONPointer(pointer.tokens + [token])
    }

    public static func / (pointer: JSONPointer, index: Int) -> JSONPointer { pointer / "\(index)" }

    public var description: String { tokens.map { "/" + JSONPointer.escape($0) }.joined() }

    private static func escape(_ token: String) -> String {
        token.utf8.contains { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }
            ? token.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
                .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
            : token
    }

    private static func unescape(_ token: Substring) -> String {
        token.split(separator: "~1", omittingEmptySubsequences: false).joined(separator: "/")
            .split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
    }
}

extension JSON {
    /// The value the pointer leads to, or nil.
    public subscript(pointer: JSONPointer) -> JSON? {
        pointer.tokens.reduce(Optional(self)) { value, token in
            switch value {
            case .object(let members): members[token]
            case .array(let elements): Int(token).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
            default: nil
            }
        }
    }

    /// This value changed by a merge patch (RFC 7396): null removes, objects are merged, all else is replaced.
    public func merging(patch: JSON) -> JSON {
        guard case .object(let changes) = patch else { return patch }
        var members = object ?? [:]
        for change in changes {
            let old = members[change.name] ?? .null
            members[change.name] = change.value.isNull ? nil : old.merging(patch: change.value)
        }
        return .object(members)
    }
}
