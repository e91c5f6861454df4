import Foundation
import Postgres
import Tenancy

/// Finds records that share a match key with others: of each key so many, so that one which very many share hides none of
/// another.
public struct SharedKeys: Sendable {
    private let table: String
    private let order: String
    private let isDescending: Bool
    private let limit: Int
    /// A further column that must be the same, such as the account of contacts.
    private let scope: String?

    /// - Parameters:
    ///   - order: by which column the first of a key are chosen, such as `created_at`. The expression that sorts matches no
    ///     index on purpose: the planner overestimates how many share a key, and would walk the whole table along an index of
    ///     that order instead of looking the key up.
    ///   - limit: how many of each key.
    public init(_ table: String, order: String, descending: Bool = false, limit: Int, scope: String? = nil) {
        (self.table, self.order, isDescending, self.limit, self.scope) = (table, order, descending, limit, scope)
    }

    /// Looks for what shares a key with new records.
    public func check(_ keys: [String], isBatch: Bool, _ schema: SchemaName) -> DuplicateCheck {
        DuplicateCheck(table, keys: keys, ids: select(keys, isBatch: isBatch, schema), schema)
    }

    /// Looks for what shares a key with new records within the same scope.
    public func check(_ pairs: [(scope: UUID, key: String)], _ schema: SchemaName) -> DuplicateCheck {
        DuplicateCheck(table, keys: pairs.map { $0.key }, ids: select(pairs, schema), schema)
    }

    /// Selects the ids, of a batch or, by a plan of its own that is found sooner, of one.
    public func select(_ keys: [String], isBatch: Bool, _ schema: SchemaName) -> SQL {
        guard isBatch else {
            return keys.isEmpty
                ? "select null::uuid where false"
                : keys.map { "(\(some("\($0)", schema)))" }.joined(separator: " union all ")
        }
        return "select found.id from unnest(\(keys)) as key cross join lateral (\(some("key", schema))) found"
    }

    /// Selects the ids of those that share a key within the same scope.
    public func select(_ pairs: [(scope: UUID, key: String)], _ schema: SchemaName) -> SQL {
        """
        select found.id from unnest(\(pairs.map(\.scope)), \(pairs.map(\.key))) as wanted(scope, key)
        cross join lateral (\(some("wanted.key", schema))) found
        """
    }

    private func some(_ key: SQL, _ schema: SchemaName) -> SQL {
        let within: SQL = scope.map { "\(ident: $0) = wanted.scope and " } ?? ""
        return """
            select id from \(schema).\(ident: table) where \(within)match_keys @> array[\(key)] and deleted_at is null \
            order by \(raw: order) + interval '0'\(raw: isDescending ? " desc" : "") limit \(raw: String(limit))
            """
    }
}
