import Foundation
import JSON

/// A record that shares match keys with a new one.
public struct Duplicate<Kind: MatchKind>: Sendable, Hashable {
    public let id: UUID
    public let why: [Kind]
    /// That of the surest match.
    public let score: Double

    @inlinable public init(id: UUID, why: [Kind]) {
        (self.id, self.why) = (id, why)
        score = why.reduce(0) { max($0, $1.score) }
    }

    /// nil when a record shares no key that counts.
    @inlinable public init?<Record>(
        _ keys: [MatchKey<Kind>], _ candidate: MatchCandidate<Record, Kind>, where counts: (Kind) -> Bool
    ) {
        var why: [Kind] = []
        for key in keys where candidate.keys.contains(key) && counts(key.kind) { why.append(key.kind) }
        guard !why.isEmpty else { return nil }
        self.init(id: candidate.record.id, why: why)
    }

    public var json: JSON { ["id": id.json, "score": score.json, "why": why.map { $0.reason.en }.json] }
}
