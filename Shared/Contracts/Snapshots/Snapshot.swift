import Entities
import Foundation
import Values

/// The state of an aggregate after an event, as every event of it carries it: who reads only the last event knows all.
public protocol Snapshot: CatalogueRecord {
    var id: UUID { get set }
    /// The aggregate's version, which is the event's sequence.
    var version: Int64 { get set }
    var createdAt: Timestamp { get set }
    var updatedAt: Timestamp { get set }
    var deletedAt: Timestamp? { get set }
}

extension Snapshot {
    /// What every snapshot begins with.
    static var headFields: [Field<Self>] {
        [
            Field("id", \Self.id, .uuid, zh: "编号", en: "Id"),
            Field("version", \Self.version, .integer, zh: "版本", en: "Version"),
            Field("createdAt", \Self.createdAt, .timestamp, zh: "创建时间", en: "Created at"),
            Field("updatedAt", \Self.updatedAt, .timestamp, zh: "更新时间", en: "Updated at"),
            Field("deletedAt", \Self.deletedAt, .timestamp, zh: "删除时间", en: "Deleted at"),
        ]
    }
}
