import Contracts
import Foundation
import HTTP
import Postgres
import Resources
import ServiceKit

/// The analytics service: keeps every event, projects them to facts and answers reports.
public enum AnalyticsService {
    public static let name = "analytics"

    /// The service's own migrations.
    public static func migrations() throws -> [MigrationSet] {
        [try MigrationSet(name: name, folder: Bundle.module.bundleURL.appending(path: "Migrations"))]
    }

    public static func compose(_ context: ServiceContext) async throws -> ServiceComposition {
        let backbone = try Backbone(context, migrations: try migrations())
        let consumer = backbone.consumer(
            name, topics: Topic.allCases.filter { $0 != .analytics }, handlers: [Projector()],
            isDurable: false)
        let reports = ReportEndpoints(database: backbone.database, consumer: consumer)
        let rebuild = Rebuild(database: backbone.database, consumer: consumer)
        return try backbone.composition(
            endpoints: reports.all, internalEndpoints: [rebuild.endpoint], consumers: [consumer])
    }

    public static let program = ServiceProgram(
        name: name, summary: "Every event kept, projected to facts, answered as reports.", compose: compose)
}
