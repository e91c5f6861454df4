/// What makes two records of a collection one: the kinds of match keys that a tenant may compare by.
public protocol MatchKind: RawRepresentable<String>, CaseIterable, Hashable, Sendable {
    /// How sure a match on this key alone is, at most 1.
    var score: Double { get }
    /// What a match on it says.
    var reason: (en: String, zh: String) { get }
    /// The kinds of a tenant that has not chosen.
    static var standardKinds: Set<Self> { get }
    /// The days within which a match counts, of a tenant that has not chosen; nil for collections without such a window.
    static var standardWindowDays: Int? { get }
}

extension MatchKind {
    public static var standardKinds: Set<Self> { Set(allCases) }
    public static var standardWindowDays: Int? { nil }
}

/// One normalised value by which a record is compared with others.
public struct MatchKey<Kind: MatchKind>: Sendable, Hashable {
    public let kind: Kind
    public let value: String

    /// nil for what cannot be compared, such as a phone without its area code.
    @inlinable public init?(_ kind: Kind, normalized value: String?) {
        guard let value, !value.isEmpty else { return nil }
        (self.kind, self.value) = (kind, value)
    }

    /// As it is stored and looked up.
    @inlinable public var text: String { "\(kind.rawValue):\(value)" }
}

extension Sequence {
    /// The stored form of keys, each once.
    @inlinable public func uniqueTexts<Kind>() -> [String] where Element == MatchKey<Kind> {
        Array(Set(map { $0.text }))
    }
}
