import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// Which stored records may be the same as new ones: found before the decision, and held to while these are written.
public struct DuplicateCheck: Sendable {
    private let keys: [String]
    private let table: String
    private let schema: SchemaName
    /// Chooses the records that share a key: `where …`.
    public let matching: SQL

    init(_ table: String, keys: [String], ids: SQL, _ schema: SchemaName) {
        (self.table, self.keys, self.schema) = (table, keys, schema)
        matching = "where id = any(array(\(ids)))"
    }

    /// The creations of one write, decided anew where it does not find what the decision has.
    ///
    /// - Parameter found: ids of the records that `matching` chose.
    public func guarding<Record, Kind>(
        _ creations: [Creation<Record>], _ policy: DuplicatePolicy<Kind>, found: [UUID]
    ) -> [Creation<Record>] {
        // Flags may miss what came in at the same moment; a promise of one record may not.
        guard policy.action != .createAndFlag else { return creations }
        return creations.guarded(
            by: KeyLock(table, keys: keys).guarding(
                found: found, matching: "select id from \(schema).\(ident: table) \(matching)"))
    }
}

extension Problem {
    /// 409, naming the record that is there.
    public init<Kind>(_ duplicate: Duplicate<Kind>) {
        let id = duplicate.id.lowercased
        self.init(
            .duplicate, .init(en: "This is there already: \(id).", zh: "该对象已存在：\(id)。"),
            extras: .answer([duplicate]))
    }
}

extension JSONObject {
    /// Names duplicates beside an object's own members.
    public static func answer<Kind>(_ duplicates: [Duplicate<Kind>]) -> JSONObject {
        ["duplicates": .array(duplicates.map { $0.json })]
    }
}
