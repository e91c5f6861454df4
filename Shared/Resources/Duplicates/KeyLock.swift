import Foundation
import Postgres
import Values

/// Makes sure that of two creations at the same moment which may be the same thing the later one knows the earlier.
///
/// The decision over a draft reads before the write begins. So the write first waits for those before it with one of
/// the same keys, then checks that the objects found are still all there are; else it is decided anew.
public struct KeyLock: Sendable {
    private let collection: String
    private let keys: [String]

    /// - Parameter keys: whatever makes two objects of the collection the same.
    public init(_ collection: String, keys: some Sequence<String>) {
        self.collection = collection
        self.keys = Set(keys).sorted()
    }

    /// The first statements of a write.
    ///
    /// - Parameters:
    ///   - found: ids of `matching`, as the decision saw them.
    ///   - matching: selects the ids of all objects that share a key, as the decision did.
    public func guarding(found: [UUID], matching: SQL) -> [SQL] {
        guard !keys.isEmpty else { return [] }
        return [
            "select shared.take_turn(\(collection), \(keys))",
            """
            select shared.require_rows((
                select coalesce(sum(case when m.id = any(\(found)) then 1 else -1 end), 0)::bigint
                from (\(matching)) as m(id)), \(Int64(found.count)))
            """,
        ]
    }
}

extension Array {
    /// The creations of one write with guards before the first that is made.
    public func guarded<Record>(by guards: [SQL]) -> Self where Element == Creation<Record> {
        var creations = self
        for index in indices {
            guard case .create(var insertion) = self[index] else { continue }
            insertion.guards = guards + insertion.guards
            creations[index] = .create(insertion)
            break
        }
        return creations
    }
}
