import Entities
import Foundation
import JSON
import Values

/// Users who work together; teams form a tree.
struct Team: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?
    var name = ""
    var parentID: UUID?
    /// Sees what the team and all below it own.
    var managerID: UUID?
    var region: String?
    var custom: JSONObject = [:]

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<Team>(
        "team", zh: "团队", en: "Team", custom: \.custom,
        headFields + [
            Field("name", \.name, .string, zh: "名称", en: "Name", [.required, .unique]),
            Field("parentId", \.parentID, .reference(to: "team"), zh: "上级团队", en: "Parent", [.indexed]),
            Field("managerId", \.managerID, .reference(to: "user"), zh: "负责人", en: "Manager", [.indexed]),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
        ])
}

/// A line of business: leads, pipelines and targets may belong to one.
struct BusinessLine: Aggregate {
    var id: UUID
    var version: Int64 = 1
    var createdAt: Timestamp
    var updatedAt: Timestamp
    var deletedAt: Timestamp?
    var key = ""
    var name = ""
    var region: String?
    var isActive = true
    var custom: JSONObject = [:]

    init(id: UUID, at now: Timestamp) { (self.id, createdAt, updatedAt) = (id, now, now) }

    static let catalogue = Entity<BusinessLine>(
        "businessLine", zh: "业务线", en: "Business line", custom: \.custom,
        headFields + [
            Field("key", \.key, .string(max: 60), zh: "标识", en: "Key", [.required, .unique]),
            Field("name", \.name, .string, zh: "名称", en: "Name", [.required]),
            Field("region", \.region, .string, zh: "地区", en: "Region"),
            Field("isActive", \.isActive, .boolean, zh: "启用", en: "Active"),
        ])
}
