/// What another system calls something: two records of a collection never have the same.
///
/// A number told without a system's name belongs to a system without a name, which is one, too.
public struct ExternalKey: Sendable, Hashable {
    public let system: String?
    public let id: String

    public init(system: String?, id: String) { (self.system, self.id) = (system, id) }
}

/// A record that another system may know, too.
public protocol ExternallyKnown {
    var externalSystem: String? { get set }
    var externalID: String? { get set }
}

extension ExternallyKnown {
    /// nil when no other system is known to have it.
    public var externalKey: ExternalKey? { externalID.map { ExternalKey(system: externalSystem, id: $0) } }

    /// Leaves its identity in the other system to another record.
    public mutating func giveUpExternalKey() { (externalSystem, externalID) = (nil, nil) }
}

extension Sequence where Element: ExternallyKnown {
    /// The one with the same identity in another system; nil when `record` has none.
    public func first(knownAs record: Element) -> Element? {
        guard let key = record.externalKey else { return nil }
        return first { $0.externalKey == key }
    }
}
