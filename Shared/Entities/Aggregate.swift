import Foundation
import JSON
import Values

/// A record with an identity of its own that lives, changes and is deleted: a lead, an order, a team.
///
/// Its `version` is the number of its changes and of its events.
public protocol Aggregate: Sendable, Hashable {
    static var catalogue: Entity<Self> { get }
    /// A new one, version 1, with every other field at its default.
    init(id: UUID, at now: Timestamp)
    var id: UUID { get set }
    var version: Int64 { get set }
    var createdAt: Timestamp { get set }
    var updatedAt: Timestamp { get set }
    /// Set while it is deleted; it can be restored for a time.
    var deletedAt: Timestamp? { get set }
    /// Values of the tenant's own fields.
    var custom: JSONObject { get set }
}

extension Aggregate {
    /// The fields that begin every aggregate's catalogue.
    public static var headFields: [Field<Self>] {
        [
            Field("id", \Self.id, .uuid, zh: "编号", en: "Id", [.readOnly, .unique, .indexed]),
            Field("version", \Self.version, .integer, zh: "版本", en: "Version", [.readOnly, .notSortable]),
            Field("createdAt", \Self.createdAt, .timestamp, zh: "创建时间", en: "Created at", [.readOnly, .indexed]),
            Field("updatedAt", \Self.updatedAt, .timestamp, zh: "更新时间", en: "Updated at", [.readOnly, .indexed]),
            Field("deletedAt", \Self.deletedAt, .timestamp, zh: "删除时间", en: "Deleted at", [.readOnly, .notSortable]),
        ]
    }
}

extension Entity {
    /// The value of the field at a position of `fields`.
    public func value(at position: Int, in record: Record) -> FieldValue { getters[position](record) }

    /// Sets the field at a position of `fields`; false when it cannot hold the value.
    public func set(_ value: FieldValue, at position: Int, in record: inout Record) -> Bool {
        setters[position](&record, value)
    }
}
