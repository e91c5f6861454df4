import Foundation

/// A record that is there, with the keys by which it is compared: they are expensive to compute.
public struct MatchCandidate<Record: Aggregate, Kind: MatchKind>: Sendable {
    public let record: Record
    public let keys: Set<MatchKey<Kind>>

    @inlinable public init(_ record: Record, keys: some Sequence<MatchKey<Kind>>) {
        (self.record, self.keys) = (record, Set(keys))
    }
}

/// The records among which duplicates of a batch are looked for, found by their keys: each row of an import looks only at
/// those that share one.
public struct MatchIndex<Record: Aggregate, Kind: MatchKind>: Sendable {
    public typealias Candidate = MatchCandidate<Record, Kind>

    @usableFromInline var candidates: [UUID: Candidate] = [:]
    @usableFromInline var byKey: [MatchKey<Kind>: Set<UUID>] = [:]

    @inlinable public init(_ records: [Record], keys: (Record) -> [MatchKey<Kind>]) {
        for record in records { insert(record, keys: keys(record)) }
    }

    /// Adds a record, in place of what was known of it. Keys that it no longer has still lead to it, and match nothing.
    @inlinable public mutating func insert(_ record: Record, keys: [MatchKey<Kind>]) {
        candidates[record.id] = Candidate(record, keys: keys)
        for key in keys { byKey[key, default: []].insert(record.id) }
    }

    @inlinable public subscript(id: UUID) -> Record? { candidates[id]?.record }

    /// Those that share a key, in no order.
    @inlinable public func sharing(_ keys: [MatchKey<Kind>]) -> [Candidate] {
        guard !candidates.isEmpty else { return [] }
        let ids = keys.reduce(into: Set<UUID>()) { $0.formUnion(byKey[$1] ?? []) }
        return ids.compactMap { candidates[$0] }
    }
}
