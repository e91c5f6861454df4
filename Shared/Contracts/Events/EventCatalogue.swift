import Entities
import Foundation
import JSON
import Values

/// Every kind of event there is.
public enum EventCatalogue {
    public static let all: [EventDefinition] =
        TenantEvents.all + UserEvents.all + TeamEvents.all + BusinessLineEvents.all + LeadEvents.all
        + OpportunityEvents.all + ProductEvents.all + PipelineEvents.all + TargetEvents.all + ContractEvents.all
        + AccountEvents.all + ContactEvents.all + OrderEvents.all + LifecyclePolicyEvents.all

    private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })

    /// The kind of this type, nil when there is none.
    public static subscript(type type: String) -> EventDefinition? { byType[type] }

    public static func all(of topic: Topic) -> [EventDefinition] { all.filter { $0.topic == topic } }

    /// The schema of a type as it was released, nil when it never was.
    public static func released(_ type: String) throws -> JSON? {
        guard let url = Bundle.module.url(forResource: type, withExtension: "json", subdirectory: "Released") else {
            return nil
        }
        return try JSON.parse([UInt8](Data(contentsOf: url)))
    }

    /// The types that were released, sorted.
    public static func releasedTypes() throws -> [String] {
        guard let folder = Bundle.module.url(forResource: "Released", withExtension: nil) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }.map { $0.deletingPathExtension().lastPathComponent }.sorted()
    }
}
